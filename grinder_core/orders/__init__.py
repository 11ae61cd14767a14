"""From a plan to orders: identity, prices, diff, life cycle."""
