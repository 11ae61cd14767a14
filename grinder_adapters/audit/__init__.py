"""The audit log: append-only evidence of reconciliation, remediation and operators' commands."""
