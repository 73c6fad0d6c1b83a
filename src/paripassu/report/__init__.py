"""Records to tables, figures and pages; knows nothing of training, imports no torch."""
