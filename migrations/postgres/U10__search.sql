-- Undoes V10: no message goes. A program that comes again makes the index anew.
DROP TABLE search_blocks;
DROP TABLE search_packs;
DROP TABLE search_rooms;
DROP TABLE search_state;
