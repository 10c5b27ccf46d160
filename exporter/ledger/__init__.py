"""Counters, histograms, windows, incidents and groupings; pure."""

from exporter.ledger.ledger import Ledger

__all__ = ["Ledger"]
