"""Binance USDT-M futures: what its bytes mean, and how a request is signed."""
