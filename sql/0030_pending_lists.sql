-- What GIN indexes have not sorted in yet is read whole by each search that asks them: 128 pages of 8 kB are half a
-- millisecond. A quarter of that costs a write 2 µs more.
ALTER INDEX res_keys SET (gin_pending_list_limit = 256);
ALTER INDEX contained_keys SET (gin_pending_list_limit = 256);
ALTER INDEX idx_str_trgm SET (gin_pending_list_limit = 256);
ALTER INDEX idx_str_grams SET (gin_pending_list_limit = 256);
ALTER INDEX idx_text_v SET (gin_pending_list_limit = 1024);
