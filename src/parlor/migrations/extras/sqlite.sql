-- Triggers and virtual tables on SQLite, one part a room. Run after every migration, so each statement may find its thing already there.

-- chat: the full-text index over messages. It keeps no text of its own, and secure-deletes what it forgets by being told the old text.
CREATE VIRTUAL TABLE IF NOT EXISTS messages_text USING fts5(text, content='messages', content_rowid='number', tokenize="unicode61 remove_diacritics 2");
DROP TRIGGER IF EXISTS messages_text_insert;
CREATE TRIGGER messages_text_insert AFTER INSERT ON messages WHEN new.text <> '' BEGIN
  INSERT INTO messages_text(rowid, text) VALUES (new.number, new.text);
END;
DROP TRIGGER IF EXISTS messages_text_delete;
CREATE TRIGGER messages_text_delete AFTER DELETE ON messages WHEN old.text <> '' BEGIN
  INSERT INTO messages_text(messages_text, rowid, text) VALUES ('delete', old.number, old.text);
END;
DROP TRIGGER IF EXISTS messages_text_update;
CREATE TRIGGER messages_text_update AFTER UPDATE OF text ON messages BEGIN
  INSERT INTO messages_text(messages_text, rowid, text) VALUES ('delete', old.number, old.text);
  INSERT INTO messages_text(rowid, text) VALUES (new.number, new.text);
END;

-- wallet: the ledger is append-only.
DROP TRIGGER IF EXISTS ledger_transactions_no_update;
CREATE TRIGGER ledger_transactions_no_update BEFORE UPDATE ON ledger_transactions BEGIN
  SELECT RAISE(ABORT, 'the ledger is append-only');
END;
DROP TRIGGER IF EXISTS ledger_transactions_no_delete;
CREATE TRIGGER ledger_transactions_no_delete BEFORE DELETE ON ledger_transactions BEGIN
  SELECT RAISE(ABORT, 'the ledger is append-only');
END;
DROP TRIGGER IF EXISTS ledger_entries_no_update;
CREATE TRIGGER ledger_entries_no_update BEFORE UPDATE ON ledger_entries BEGIN
  SELECT RAISE(ABORT, 'the ledger is append-only');
END;
DROP TRIGGER IF EXISTS ledger_entries_no_delete;
CREATE TRIGGER ledger_entries_no_delete BEFORE DELETE ON ledger_entries BEGIN
  SELECT RAISE(ABORT, 'the ledger is append-only');
END;
