-- Deletions are searched by a text that the program folds. `sql/sqlite/0007_search_text.sql` says the same for SQLite.
-- The program fills it for what is there already, as a part of this step (`reconciler/store/migrations.py`).

-- The title, who asked, and what libraries call it, without differences of case and spelling.
ALTER TABLE deletions ADD COLUMN search_text text NOT NULL DEFAULT '';
