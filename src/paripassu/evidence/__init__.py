"""What records say: tables, measures, intervals, differences. No torch."""
