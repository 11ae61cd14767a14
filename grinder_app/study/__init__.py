"""The study of static against adaptive grids on recorded markets: ``python -m grinder_app.study``.

Three steps, each usable alone: find what can be traded (``datasets``), run every variant on it
(``variants``, ``work``), and write page and pictures as a pure function of the results (``page``).
"""
