"""The fold: state and step."""
