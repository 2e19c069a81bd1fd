"""The commands: python -m coursework release, check, collect, grade, report."""

import argparse
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

from tqdm import tqdm

from . import box, hidden
from .book import ROOT
from .check import check
from .collect import collect
from .grade import grade
from .gradebook import by_hand, enter
from .release import ReleaseError, release
from .report import report


def arguments() -> argparse.ArgumentParser:
    """Return the commands and their options."""
    parser = argparse.ArgumentParser(prog="python -m coursework", description="The chapters of the book as coursework.")
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name: str, text: str, *, chapters: bool = True) -> argparse.ArgumentParser:
        new = commands.add_parser(name, help=text, description=text)
        new.add_argument("--course", type=Path, default=Path("../course"), help="the course's folder (../course)")
        if chapters:
            new.add_argument("chapters", nargs="+", metavar="CHAPTER", help="such as 05-forward")
        return new

    new = command("release", "make student notebooks of some chapters, and a site without solutions")
    new.add_argument("--version", help="the name of this release (what git describes)")
    new.add_argument("--no-site", action="store_true", help="make the notebooks alone")
    new.add_argument("--book", type=Path, default=ROOT, help=argparse.SUPPRESS)
    new = command("check", "try hidden tests on the reference solutions and on empty answers", chapters=False)
    new.add_argument("hidden", type=Path, help="the module of hidden tests")
    command("collect", "look at what was handed in, mend it, and say what could not be mended")
    new = command("grade", "judge what was handed in, in the box")
    new.add_argument("--hidden", type=Path, required=True, help="the module of hidden tests")
    new.add_argument("--jobs", type=int, default=1, help="how many submissions at a time (1)")
    new.add_argument("--seconds", type=int, default=box.Limits.seconds, help="for one run of one submission, at most")
    new.add_argument("--unsafe", action="store_true", help="without the box: students' code can do what you can")
    command("report", "write the gradebook, the tables, the plot and the feedback pages")
    return parser


def main() -> int:
    """Run one command."""
    options = arguments().parse_args()
    course = options.course
    try:
        if options.command == "check":
            found = check(hidden.load(options.hidden))
            print("\n".join(found) or "The references get all points, the empty answers none.")
            return bool(found)
        if options.command == "release":
            version = options.version or described()
            changes = release(options.chapters, course, version, options.book, site=not options.no_site)
            for chapter, lines in changes.items():
                print(f"{chapter}, release {version}:", *lines, sep="\n  ")
            print(f"Student notebooks: {course}/release. Without grading: {course}/no-solutions.")
            if not options.no_site:
                print(f"Student site: {course}/site/_build/html.")
        for chapter in options.chapters if options.command != "release" else ():
            if options.command == "collect":
                seen = collect(course, chapter)
                for student, about in seen.items():
                    for note in about.notes:
                        print(f"{chapter}, {student}: {note}")
                summary(chapter, [about.status for about in seen.values()])
            elif options.command == "grade":
                tests, limits = hidden.load(options.hidden), box.Limits(seconds=options.seconds)
                results = grade(
                    course, chapter, tests, jobs=options.jobs, limits=limits, unsafe=options.unsafe, progress=tqdm
                )
                summary(chapter, [result["status"] for result in results.values()])
                print(f"Results: {course}/results/{chapter}.json. Next: the command report.")
            elif options.command == "report":
                results = json.loads((course / "results" / f"{chapter}.json").read_text())
                enter(course, chapter, results)
                for path in report(course, chapter, results, by_hand(course, chapter))[:4]:
                    print(path)
                print(f"One page for each student: {course}/feedback")
    except (box.BoxError, ReleaseError, FileNotFoundError, ValueError, KeyError) as error:
        print(f"{options.command}: {error}", file=sys.stderr)
        return 1
    return 0


def summary(chapter: str, statuses: list[str]) -> None:
    """Print how many submissions there are of each kind."""
    print(f"{chapter}: " + (", ".join(f"{n} {status}" for status, n in Counter(statuses).items()) or "no students"))


def described() -> str:
    """Return the version of the book, as git names it."""
    command = ["git", "-C", str(ROOT), "describe", "--tags", "--always", "--dirty"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
