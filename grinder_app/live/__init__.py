"""The live process: the fold of ``grinder_core/live`` with the world attached."""
