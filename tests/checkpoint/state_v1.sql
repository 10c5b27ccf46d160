-- A state file of schema version 1. Never edited: every later version must read it.
PRAGMA application_id = 1114598213;
PRAGMA user_version = 1;
BEGIN TRANSACTION;
CREATE TABLE counters (
    metric TEXT NOT NULL,
    labels TEXT NOT NULL,
    value REAL NOT NULL,
    PRIMARY KEY (metric, labels)
) STRICT, WITHOUT ROWID;
INSERT INTO "counters" VALUES('c_total','["a", "quoted \" ''; and \u00e9"]',3.0);
INSERT INTO "counters" VALUES('d_total','[]',0.5);
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
INSERT INTO "files" VALUES(1,'app',X'2F7661722F6C6F672F636166E92E6C6F67',-5,-9223372036854775791,1099511627776,1099511627767,'{"counted": [1]}',1099511627777,X'00FF00FF00FF00FF00FF00FF00FF00FF',X'74',1760000000.5,1760000001.5,'active');
CREATE TABLE histograms (
    metric TEXT NOT NULL,
    labels TEXT NOT NULL,
    bounds TEXT NOT NULL,
    buckets TEXT NOT NULL,
    sum REAL NOT NULL,
    PRIMARY KEY (metric, labels)
) STRICT, WITHOUT ROWID;
INSERT INTO "histograms" VALUES('h_seconds','[]','[0.5, 1.0]','[1, 0, 2]',7.25);
CREATE TABLE incidents (
    hash BLOB PRIMARY KEY,
    first REAL NOT NULL,
    held REAL NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "incidents" VALUES(X'69696969696969696969696969696969',1760000000.0,1760000001.0);
CREATE TABLE last_events (
    event TEXT PRIMARY KEY,
    time REAL NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "last_events" VALUES('stale_booking',1760000000.25);
CREATE TABLE logs (
    name TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;
INSERT INTO "logs" VALUES('app');
CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "meta" VALUES('committed','1');
INSERT INTO "meta" VALUES('exposed','1');
INSERT INTO "meta" VALUES('key','abababababababababababababababababababababababababababababababab');
INSERT INTO "meta" VALUES('minimum_reader','1');
INSERT INTO "meta" VALUES('start_at_end','0');
INSERT INTO "meta" VALUES('state_lost','1750000000.5');
CREATE TABLE minutes (
    kind TEXT NOT NULL,
    minute INTEGER NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (kind, minute)
) STRICT, WITHOUT ROWID;
INSERT INTO "minutes" VALUES('created',29333333,9);
INSERT INTO "minutes" VALUES('rejections',29333333,4);
CREATE TABLE violations (
    number INTEGER PRIMARY KEY,
    hash BLOB NOT NULL,
    role TEXT NOT NULL,
    time REAL NOT NULL
) STRICT;
INSERT INTO "violations" VALUES(7,X'76767676767676767676767676767676','report',1760000000.0);
COMMIT;
