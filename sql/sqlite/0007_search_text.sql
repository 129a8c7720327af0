-- Deletions are searched by a text that the program folds. `sql/postgres/0007_search_text.sql` says the same for
-- PostgreSQL. The program fills it for what is there already, as a part of this step (`reconciler/store/migrations.py`).

-- The title, who asked, and what libraries call it, without differences of case and spelling.
ALTER TABLE deletions ADD COLUMN search_text TEXT NOT NULL DEFAULT '';
