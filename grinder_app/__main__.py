"""``python -m grinder_app`` is the ``grinder`` command."""

from grinder_app.cli import main

main()
