"""nbgrader's configuration. It is copied into the course folder, where you may add to it."""

c = get_config()  # noqa: F821, nbgrader defines it

# What students hand in lies in `submitted`, as nbgrader has it. It is looked at and mended there, and what nbgrader
# is to show is in `collected`.
c.CourseDirectory.submitted_directory = "collected"

# Release: every step of nbgrader's own but one, which would clear all outputs, and a chapter its figures.
steps = "IncludeHeaderFooter LockCells ClearSolutions CheckCellMetadata ComputeChecksums SaveCells"
steps += " ClearHiddenTests ClearMarkScheme ComputeChecksums CheckCellMetadata"
c.GenerateAssignment.preprocessors = [f"nbgrader.preprocessors.{step}" for step in steps.split()]
c.ClearSolutions.code_stub = {"python": "# YOUR CODE HERE\nraise NotImplementedError()"}
c.ClearSolutions.text_stub = "*Your answer goes here.*"

# Its autograde only files a submission for the formgrader. Without these lines it would run the student's code here,
# outside the box, and write scores of its own over ours; so would the formgrader's button.
c.Execute.enabled = False
c.ClearOutput.enabled = False
c.OverwriteCells.add_missing_cells = True
c.Autograde.autograde_preprocessors = ["nbgrader.preprocessors.LimitOutput", "nbgrader.preprocessors.CheckCellMetadata"]
