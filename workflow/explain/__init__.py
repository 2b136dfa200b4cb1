"""Cases, plans and entries in words: where a case stands, what an act will do, what an entry says happened."""
