"""How much: budgets per symbol and sizes per level."""
