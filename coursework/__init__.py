"""The chapters as coursework: release, collect, grade, report. The guide is chapters/instructors.md.

Read in this order: `hidden` (what an instructor writes), `inside` and `box` (where a submission runs), `judge`
(how it is scored), `book`, `release`, `collect`, `grade`, `gradebook`, `report`, and `__main__`.
"""
