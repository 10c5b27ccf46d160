"""From blocks of bytes to parsed records: scan, cut, parse, time; pure."""
