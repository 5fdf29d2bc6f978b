"""The review report: one offline HTML file that shows where a run can be trusted and where it needs a correction."""

from __future__ import annotations

from vos.report.build import REPORT_FILE, write_report

__all__ = ["REPORT_FILE", "write_report"]
