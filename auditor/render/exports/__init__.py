"""Machine-readable forms of the results, one module each. All start from the same document and agree on every count."""

from collections.abc import Callable, Iterable, Iterator

from auditor.base.errors import UsageError
from auditor.base.suggest import all_of
from auditor.render.exports.asff import asff, asff_batches
from auditor.render.exports.codequality import codequality
from auditor.render.exports.junit import junit
from auditor.render.exports.markdown import markdown
from auditor.render.exports.ocsf import ocsf, ocsf_given
from auditor.render.exports.oscal import oscal, oscal_plan
from auditor.render.exports.sarif import sarif, sarif_all
from auditor.render.exports.source import Finding, Source
from auditor.render.exports.tables import controls_csv, given_csv, imported_csv, results_csv
from auditor.render.exports.workbook import workbook

__all__ = ["EXPORTS", "FURTHER_NAMES", "Finding", "Source", "export"]

EXPORTS: dict[str, tuple[str, Callable[[Source], Iterable[bytes]]]] = {
    "csv": ("controls.csv", controls_csv),
    "results-csv": ("results.csv", results_csv),
    "imported-csv": ("imported.csv", imported_csv),
    "xlsx": ("evidence.xlsx", workbook),
    "oscal": ("oscal-ar.json", oscal),
    "ocsf": ("ocsf.ndjson", ocsf),
    "asff": ("asff.json", asff),
    "sarif": ("results.sarif", sarif),
    "junit": ("junit.xml", junit),
    "markdown": ("summary.md", markdown),
    "codequality": ("gl-code-quality-report.json", codequality),
}
"""Format -> file name below ``results/`` and the function that writes it, piece by piece."""

FURTHER: dict[str, Callable[[Source], Iterable[tuple[str, Iterable[bytes]]]]] = {
    "csv": given_csv,
    "ocsf": ocsf_given,
    "oscal": oscal_plan,
    "asff": asff_batches,
    "sarif": sarif_all,
}
"""Format -> further files of it, each with its name."""

FURTHER_NAMES = r"accepted\.csv|ocsf-accepted\.ndjson|oscal-ap\.json|results-all\.sarif|asff/\d{4}\.json"
"""What these are called, as a regular expression."""


def export(source: Source, formats: Iterable[str]) -> Iterator[tuple[str, Iterable[bytes]]]:
    """Yield the files of the chosen formats: name and bytes in pieces, which are made as they are taken.

    Raises:
        UsageError: there is no such format.
    """
    chosen = list(dict.fromkeys(formats))
    for name in chosen:
        if name not in EXPORTS:
            raise UsageError(f"there is no format {name!r}", hint=all_of(name, ("pdf", "html", "json", *EXPORTS)))
    for name in chosen:
        file, written = EXPORTS[name]
        yield file, written(source)
    for name in chosen:
        if name in FURTHER:
            yield from FURTHER[name](source)
