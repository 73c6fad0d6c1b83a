"""How every study is done."""
