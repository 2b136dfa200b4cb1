"""A demonstration: a made-up university, its people in every role, its ledger, and proposals in flight."""
