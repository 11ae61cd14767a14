"""Expected orders and positions against observed ones; it compares and never acts."""
