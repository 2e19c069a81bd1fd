"""What Lighthouse says of every page on a phone: `make site-audit`. The medians of five runs go into audit.json.

``python tests/site/audit.py index.html`` measures one page; with ``--runs 1``, once, and stores nothing.
Measure on a quiet computer: what else it has to do counts against the performance.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "_ext"))

from browser import FLAGS, find_chromium, served  # noqa: E402

HTML = ROOT / "_build" / "html"
STORED = Path(__file__).with_name("audit.json")
CATEGORIES = ("performance", "accessibility", "best-practices", "seo")


def audit(url, chromium):
    """Run Lighthouse once and return its scores, the layout shift and the weight of all that was transferred."""
    flags = [(name, value) for name, _, value in (flag.partition("=") for flag in FLAGS)]
    command = [
        str(ROOT / "node_modules" / ".bin" / "lighthouse"),
        url,
        "--quiet",
        "--output=json",
        f"--only-categories={','.join(CATEGORIES)}",
        "--chrome-flags=--headless=new " + " ".join(f'{name}="{value}"' if value else name for name, value in flags),
    ]
    environment = os.environ | {"CHROME_PATH": chromium}
    report = json.loads(subprocess.run(command, capture_output=True, check=True, env=environment).stdout)
    audits = report["audits"]
    failed = [
        name
        for category in CATEGORIES[1:]
        for name in (reference["id"] for reference in report["categories"][category]["auditRefs"])
        if audits[name]["score"] == 0
    ]
    return {
        **{name: round(100 * report["categories"][name]["score"]) for name in CATEGORIES},
        "layout shift": round(audits["cumulative-layout-shift"]["numericValue"], 4),
        "largest paint, s": round(audits["largest-contentful-paint"]["numericValue"] / 1000, 2),
        "kB": round(audits["total-byte-weight"]["numericValue"] / 1000),
    }, failed


def main():
    """Measure the pages that are named, or all of them, and store their medians."""
    parser = argparse.ArgumentParser(description="Measure the built site with Lighthouse.")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("pages", nargs="*")
    options = parser.parse_args()
    pages = options.pages or ["index.html", *sorted(f"chapters/{path.name}" for path in HTML.glob("chapters/*.html"))]
    chromium = find_chromium("the audit")
    stored = json.loads(STORED.read_text(encoding="utf-8"))["pages"] if STORED.is_file() else {}
    with served(HTML) as address:
        for page in pages:
            runs = [audit(address + page, chromium) for _ in range(options.runs)]
            medians = {key: statistics.median(scores[key] for scores, _ in runs) for key in runs[0][0]}
            print(page, medians, *runs[0][1], flush=True)
            if options.runs == 5:  # what was measured with fewer runs is for whoever asked
                stored[page] = medians
                text = json.dumps({"runs": 5, "pages": dict(sorted(stored.items()))}, indent=1)
                STORED.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
