-- The first schema of the state file. Never edited: later versions are steps in migrations.py.
CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Labels are a JSON list of the values in the order of the catalogue.
CREATE TABLE counters (
    metric TEXT NOT NULL,
    labels TEXT NOT NULL,
    value REAL NOT NULL,
    PRIMARY KEY (metric, labels)
) STRICT, WITHOUT ROWID;

-- Bounds and buckets are JSON lists; buckets are not cumulative and have one more, for +Inf.
CREATE TABLE histograms (
    metric TEXT NOT NULL,
    labels TEXT NOT NULL,
    bounds TEXT NOT NULL,
    buckets TEXT NOT NULL,
    sum REAL NOT NULL,
    PRIMARY KEY (metric, labels)
) STRICT, WITHOUT ROWID;

-- Times are Unix seconds everywhere.
CREATE TABLE last_events (
    event TEXT PRIMARY KEY,
    time REAL NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE minutes (
    kind TEXT NOT NULL,
    minute INTEGER NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (kind, minute)
) STRICT, WITHOUT ROWID;

CREATE TABLE incidents (
    hash BLOB PRIMARY KEY,
    first REAL NOT NULL,
    held REAL NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE violations (
    number INTEGER PRIMARY KEY,
    hash BLOB NOT NULL,
    role TEXT NOT NULL,
    time REAL NOT NULL
) STRICT;

CREATE TABLE logs (
    name TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

-- Paths are bytes, for file names need not be text; device and inode are the signed form of
-- unsigned 64-bit numbers.
CREATE TABLE files (
    id INTEGER PRIMARY KEY,
    log TEXT NOT NULL,
    path BLOB NOT NULL,
    device INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    position INTEGER NOT NULL,
    record_start INTEGER NOT NULL,
    record TEXT NOT NULL,
    size INTEGER NOT NULL,
    head BLOB NOT NULL,
    tail BLOB NOT NULL,
    grown REAL NOT NULL,
    seen REAL NOT NULL,
    state TEXT NOT NULL
) STRICT;
