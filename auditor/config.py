"""``auditor.yaml``: the settings of a run, checked, with file and line for every mistake."""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import PydanticCustomError

from auditor.base.errors import UsageError
from auditor.base.period import FORMS, parse_period
from auditor.base.suggest import meant
from auditor.base.yamlfile import YamlError, YamlFile, gravest, load_yaml, problem_words, problems_of
from auditor.model import Severity
from auditor.regions import FORM, mistake_in

os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
"""Nobody else's code has a say in what settings are valid, nor is every installed package looked through for it."""


def _region(name: str) -> str:
    if wrong := mistake_in(name):
        raise PydanticCustomError("region", "{words}", {"words": wrong})
    return name


def _home_region(name: str) -> str:
    """Refuse what was mistyped; a store that is not AWS may have a Region of any name."""
    return _region(name) if name and "did you mean" in mistake_in(name) else name


_Region = Annotated[str, AfterValidator(_region), Field(json_schema_extra={"pattern": FORM})]
_Account = Annotated[str, Field(pattern=r"^\d{12}$")]
_Allowed = Annotated[str, Field(pattern=r"^not-assessed:[a-z0-9-]+$")]


Format = Literal[
    "html",
    "pdf",
    "csv",
    "results-csv",
    "imported-csv",
    "xlsx",
    "oscal",
    "ocsf",
    "asff",
    "sarif",
    "junit",
    "markdown",
    "codequality",
]
"""Pages, then exports; a test compares them with what can be written."""


class Branding(BaseModel):
    """How the pages present themselves."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    accent: Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$", description="Accent colour of the report.")] = "#14324f"
    logo: Annotated[str, Field(description="PNG, or SVG of plain shapes, beside auditor.yaml; at most 256 KiB.")] = ""
    classification: Annotated[str, Field(max_length=80, description="Such as Confidential.")] = ""
    distribution: Annotated[str, Field(max_length=200, description="Who may receive the report.")] = ""
    paper: Literal["A4", "Letter"] = "A4"
    prepared_by: Annotated[str, Field(max_length=160, description="Who made the report.")] = ""
    prepared_for: Annotated[str, Field(max_length=160, description="Whom it was made for.")] = ""
    contact: Annotated[str, Field(max_length=160, description="Whom to ask about it.")] = ""
    version: Annotated[str, Field(max_length=80, description="Of the report, such as 1.0 or draft 2.")] = ""
    sign_off: Annotated[bool, Field(description="Room for signatures at the end of the PDF.")] = False


class Signing(BaseModel):
    """How the pack is signed. Passwords come from the environment or a prompt, never from this file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: Annotated[str, Field(description="PEM or PKCS#12 file with the private key.")] = ""
    certificate: Annotated[str, Field(description="PEM file with the signer's certificate chain.")] = ""
    kms_key: Annotated[str, Field(description="ARN of an asymmetric KMS key for SIGN_VERIFY.")] = ""
    tsa: Annotated[str, Field(description="URL of an RFC 3161 time-stamping authority.")] = ""
    tsa_ca: Annotated[str, Field(description="PEM file with the certificates that the authority publishes.")] = ""
    tsa_optional: Annotated[bool, Field(description="Go on without a time stamp, and say so, when it fails.")] = False


class Sampling(BaseModel):
    """A sample from each population of resources, instead of every member."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: Annotated[int, Field(ge=1, strict=True, description="Members tested per control and account.")]
    seed: Annotated[str, Field(pattern=r"^[ -~]{1,100}$", description="Decides which; chosen by the auditor.")]


class Limits(BaseModel):
    """How hard AWS is asked."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    concurrency: Annotated[int, Field(ge=1, le=256, strict=True, description="Calls in flight.")] = 24
    accounts: Annotated[int, Field(ge=1, le=64, strict=True, description="Accounts of an organization at once.")] = 2
    attempts: Annotated[int, Field(ge=1, le=20, strict=True, description="Of one request, the first included.")] = 5
    connect_seconds: Annotated[float, Field(gt=0, le=600, description="Until a connection stands.")] = 5
    read_seconds: Annotated[float, Field(gt=0, le=600, description="Until a byte arrives.")] = 30
    report_seconds: Annotated[float, Field(ge=0, le=3600, description="Until IAM has made its report.")] = 120


class Cluster(BaseModel):
    """How the scheduler of a cluster is reached, and how long things may take there."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    certificates: Annotated[str, Field(description="Folder with ca.pem, client.pem and client-key.pem.")] = ""
    plain: Annotated[bool, Field(description="Take tcp:// beyond this machine; whoever is there runs code.")] = False
    no_workers_seconds: Annotated[float, Field(gt=0, le=86400, description="Without any worker.")] = 600
    task_seconds: Annotated[float, Field(gt=0, le=604800, description="Without any account that ends.")] = 21600


class Redaction(BaseModel):
    """What is taken out of the evidence, beside what always is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source_addresses: Annotated[bool, Field(description="IP addresses of callers.")] = False
    identities: Annotated[bool, Field(description="E-mail addresses that are names of users and sessions.")] = False


class Config(BaseModel):
    """Everything that ``auditor.yaml`` may say. Options on the command line go before it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    entity: Annotated[str, Field(max_length=200, description="Whom the report is about.")] = ""
    title: Annotated[str, Field(max_length=200)] = "AWS control evidence report"
    frameworks: Annotated[list[str], Field(description="Framework ids, see auditor controls list.")] = []
    control_ids: Annotated[list[str], Field(description="Single controls, beside those of the frameworks.")] = []
    period: Annotated[
        str, Field(description="last-month, last-quarter, last-7d, 2026-10, 2026-Q3, 2026-10-01, 24h or START/END.")
    ] = "last-month"
    profile: str = ""
    region: Annotated[str, AfterValidator(_home_region)] = ""
    regions: Annotated[list[_Region], Field(description="Regions to audit; empty means all enabled ones.")] = []
    role_name: str = ""
    external_id: Annotated[str, Field(max_length=1224, description="What the role's trust policy asks for.")] = ""
    session_name: Annotated[
        str, Field(pattern=r"^[\w+=,.@-]{2,64}$", description="Names the role's session in CloudTrail.")
    ] = "auditor"
    source_identity: Annotated[
        str, Field(pattern=r"^([\w+=,.@-]{2,64})?$", description="Stays with the role's session; needs leave.")
    ] = ""
    org: Annotated[bool, Field(description="Audit every account of the organization.")] = False
    accounts: Annotated[list[_Account], Field(description="Accounts to audit, one by one, through role_name.")] = []
    include: Annotated[list[str], Field(description="Accounts to audit: id, ou:/path or tag:key=value.")] = []
    exclude: Annotated[list[str], Field(description="Accounts to leave out; goes before include.")] = []
    management_account_profile: Annotated[
        str, Field(description="Profile that may list the accounts, and by which the management account is asked.")
    ] = ""
    account: Annotated[str, Field(pattern=r"^(\d{12})?$")] = ""
    controls: Annotated[list[str], Field(description="Folders with own controls.")] = []
    waivers: str = ""
    attestations: str = ""
    responses: Annotated[str, Field(description="What the people in charge say to findings.")] = ""
    imports: Annotated[list[str], Field(description="Findings of other tools: OCSF or Security Hub's, as JSON.")] = []
    fail_on: Severity = Severity.INFORMATIONAL
    allow: Annotated[list[_Allowed], Field(description="Gaps accepted by name.")] = []
    gate: Annotated[bool, Field(description="No PDF: an answer for a pipeline.")] = False
    baseline: Annotated[str, Field(description="Known failures: a pack, results.json or a baseline file.")] = ""
    baseline_max_age: Annotated[str, Field(pattern=r"^([1-9]\d{0,4}d)?$", description="Such as 90d.")] = ""
    update_baseline: Annotated[bool, Field(description="Write the baseline file anew after the run.")] = False
    accept_new_controls: Annotated[bool, Field(description="Failures of new or changed controls do not count.")] = False
    sampling: Annotated[Sampling | None, Field(description="Default: everything is tested.")] = None
    skip: list[Literal["trail", "events", "truth"]] = []
    keep_logs: Annotated[
        Literal["auto", "none", "findings", "notable", "all"],
        Field(description="Log files in the pack; auto: notable, and none where redaction is set."),
    ] = "auto"
    keep_logs_mib: Annotated[int, Field(ge=1, le=4096, strict=True, description="Of log files kept, at most.")] = 16
    out: str = "reports"
    if_missing: Annotated[bool, Field(description="Make no pack where a complete one of account and period is.")] = (
        False
    )
    resume: Annotated[bool, Field(description="Go on with a run that was cut off, where there is one.")] = False
    securityhub_import: Annotated[bool, Field(description="Send the findings to Security Hub; this writes.")] = False
    upload: Annotated[str, Field(description="Put the pack into a bucket, s3://BUCKET/PREFIX; this writes.")] = ""
    notify: Annotated[list[str], Field(description="Who is told: sns:, slack:, webhook: or smtp:// targets.")] = []
    object_lock_days: Annotated[
        int | None,
        Field(ge=1, le=36500, strict=True, description="Lock of each uploaded object; default: the bucket's."),
    ] = None
    object_lock_mode: Annotated[
        Literal["", "GOVERNANCE", "COMPLIANCE"], Field(description="Of that lock; default: GOVERNANCE.")
    ] = ""
    zip: Annotated[bool, Field(description="Write the pack as one zip as well, beside it.")] = False
    formats: Annotated[list[Format], Field(description="The pages, and exports of the results.")] = [
        "pdf",
        "html",
        "csv",
        "results-csv",
        "oscal",
        "ocsf",
        "asff",
        "sarif",
        "junit",
        "markdown",
    ]
    csv_bom: Annotated[bool, Field(description="Begin CSV files with the mark by which Excel knows UTF-8.")] = False
    detail: Annotated[
        Literal["summary", "standard", "full"], Field(description="Length of the PDF; the HTML page has everything.")
    ] = "standard"
    limits: Limits = Limits()
    scheduler: Annotated[str, Field(description="Dask scheduler whose workers audit or read, tls://HOST:PORT.")] = ""
    cluster: Cluster = Cluster()
    redaction: Redaction = Redaction()
    branding: Branding = Branding()
    signing: Signing = Signing()

    @field_validator("accounts", mode="before")
    @classmethod
    def _read_as_texts(cls, values: Any) -> Any:
        """Account ids without quotes are numbers to YAML, unless they begin with 0."""
        return [cls._reads_as_text(value) for value in values] if isinstance(values, list) else values

    @field_validator("period", "account", mode="before")
    @classmethod
    def _reads_as_text(cls, value: Any) -> Any:
        """A year or an account id without quotes is a number to YAML; it means what it looks like."""
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value

    @field_validator("period")
    @classmethod
    def _names_a_period(cls, text: str) -> str:
        try:
            parse_period(text, datetime.max.replace(tzinfo=UTC))
        except UsageError as error:
            raise PydanticCustomError("period", "{words}", {"words": error.message}) from error
        return text


SECTIONS: dict[str, type[BaseModel]] = {
    "branding": Branding,
    "cluster": Cluster,
    "limits": Limits,
    "redaction": Redaction,
    "sampling": Sampling,
    "signing": Signing,
}
"""Settings that are mappings of settings themselves."""


_OPTIONS = {
    "cluster.plain": "plain-scheduler",
    "control_ids": "control",
    "formats": "format",
    "frameworks": "framework",
    "imports": "import",
    "limits.concurrency": "concurrency",
    "object_lock_mode": "mode",
    "sampling.seed": "seed",
    "sampling.size": "sample",
}
"""Setting -> option, where their names differ."""

_SUCH_AS = {
    "account": 'such as "111122223333"',
    "allow": "such as not-assessed:iam-root-mfa",
    "branding.accent": 'such as "#14324f"',
    "period": FORMS,
    "sampling.seed": "a line of at most 100 ASCII characters",
}
"""Setting -> what it looks like."""


NAME: Final = "auditor.yaml"
USER_FILE: Final = Path("auditor") / NAME
"""Below the user's folder of settings (``XDG_CONFIG_HOME``, else ``~/.config``)."""
VARIABLE: Final = "AUDITOR_"
"""How environment variables begin that stand for settings: ``AUDITOR_PERIOD``, ``AUDITOR_LIMITS_CONCURRENCY`` ..."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """The settings, and where each that is no default came from.

    Args:
        config: the settings.
        origins: setting, dotted inside sections -> ``auditor.yaml:7``, ``AUDITOR_PERIOD`` or ``--period``.
        ignored: environment variables that look like settings and are none.
    """

    config: "Config"
    origins: Mapping[str, str]
    ignored: tuple[str, ...]


def load_config(path: Path | None, options: Mapping[str, Any]) -> Config:
    """Read a configuration file and put command-line options on top; see :func:`resolve`."""
    return resolve(path, options).config


def resolve(
    path: Path | None,
    options: Mapping[str, Any],
    *,
    environ: Mapping[str, str] | None = None,
    user_folder: Path | None = None,
    named: Mapping[str, str] = MappingProxyType({}),
) -> Resolved:
    """Put the layers of settings on top of each other: the user's file, this folder's, the environment, the options.

    Args:
        path: the file; None looks for ``auditor.yaml`` in the working folder and does without when there is none.
        options: values given on the command line, by the names of ``Config``; absent ones are left out.
        environ: environment variables; None for none.
        user_folder: the user's folder of settings; None for none.
        named: the options that were not given by a word, by the names of their settings, and what gave them.

    Raises:
        UsageError: a file cannot be read, has an unknown key or a wrong value; the message names file and line.
    """
    data: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for file in _files(path, user_folder):
        layer = _checked(file)
        _put(data, origins, layer, lambda *where, file=file: file.at(*where))
    found, ignored = _environment(environ or {})
    for name, (variable, value) in found.items():
        layer = _nested(name, value)
        try:
            Config.model_validate(layer)
        except ValidationError as error:
            problem = gravest(error)
            if problem["type"] != "missing":  # of a pair, another layer may bring the other half
                raise UsageError(f"{variable}: {problem_words(problem)}", hint=_SUCH_AS.get(name, "")) from error
        _put(data, origins, layer, lambda *_, variable=variable: variable)

    def called(name: str) -> str:
        return named.get(name, f"--{option_of(name)}")

    _put(data, origins, options, lambda *where: called(".".join(map(str, where))))
    try:
        return Resolved(Config.model_validate(data), origins, ignored)
    except ValidationError as error:
        problem = gravest(error)
        name = ".".join(str(part) for part in problem["loc"] if isinstance(part, str))
        raise UsageError(
            f"{origins.get(name) or called(name)}: {problem_words(problem)}", hint=_SUCH_AS.get(name, "")
        ) from error


def option_of(name: str) -> str:
    """Return the option of a setting, without its dashes."""
    return _OPTIONS.get(name, name.rpartition(".")[2].replace("_", "-"))


def _files(path: Path | None, user_folder: Path | None) -> Iterator[YamlFile]:
    """Yield the files to read, the one that goes before others last."""
    places = [user_folder / USER_FILE] if user_folder is not None else []
    places = [place for place in places if place.is_file()]
    if path is not None:
        places.append(path)
    elif Path(NAME).is_file():
        places.append(Path(NAME))
    else:
        for other in ("auditor.yml", ".auditor.yaml", "auditor.json", "auditor.toml"):
            if Path(other).is_file():
                raise UsageError(f"{other} is not read", hint=f"rename it to {NAME}, or give it with --config {other}")
    for place in places:
        try:
            yield load_yaml(place)
        except YamlError as error:
            raise UsageError(str(error)) from error


def _checked(file: YamlFile) -> dict[str, Any]:
    """Return what one file sets, with file names read beside it."""
    if file.data is not None and not isinstance(file.data, dict):
        raise UsageError(f"{file.at()}: expected a mapping of settings")
    data = _beside(file.path, file.data or {})
    try:
        Config.model_validate(data)
    except ValidationError as error:
        raise _problem(error, problems_of(error, file, UsageError)) from error
    return data


def _put(data: dict[str, Any], origins: dict[str, str], layer: Mapping[str, Any], origin: Callable[..., str]) -> None:
    """Put a layer on top; of a section, only the settings that it has."""
    for name, value in layer.items():
        if isinstance(value, dict) and name in SECTIONS:
            data[name] = {**(data.get(name) or {}), **value}
            origins |= {f"{name}.{inner}": origin(name, inner) for inner in value}
        else:
            data[name] = value
            origins[name] = origin(name)


def _environment(environ: Mapping[str, str]) -> tuple[dict[str, tuple[str, Any]], tuple[str, ...]]:
    """Return the settings that variables hold, dotted inside sections, and the variables that are no setting."""
    names = {_variable(option): name for name, option in _OPTIONS.items()}
    names |= {_variable(name): name for name in Config.model_fields if name not in SECTIONS}
    for section, model in SECTIONS.items():
        names |= {_variable(f"{section}_{name}"): f"{section}.{name}" for name in model.model_fields}
    # The setting's own name comes last and goes before that of its option.
    found = {
        name: (variable, _value(name, environ[variable])) for variable, name in names.items() if environ.get(variable)
    }
    other = {variable for variable in environ if variable.startswith(VARIABLE)} - names.keys() - OTHER_VARIABLES
    return found, tuple(sorted(other))


OTHER_VARIABLES: Final = frozenset(
    {
        "AUDITOR_DEBUG",
        "AUDITOR_KEY_PASSWORD",
        "AUDITOR_SMTP_PASSWORD",
        "AUDITOR_SMTP_USER",
        "AUDITOR_WEBHOOK_SECRET",
    }
)
"""Variables that are no settings: secrets and switches for trouble."""


def _variable(name: str) -> str:
    return f"{VARIABLE}{name.upper().replace('-', '_')}"


def _value(name: str, text: str) -> Any:
    """Read a variable: lists at commas, numbers and switches as YAML writes them."""
    section, _, inner = name.rpartition(".")
    field = (SECTIONS[section] if section else Config).model_fields[inner]
    if isinstance(field.default, list):
        return [part.strip() for part in text.split(",") if part.strip()]
    if isinstance(field.default, bool):
        return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}.get(text.lower(), text)
    if field.annotation in (int, float, int | None):
        return (float(text) if "." in text else int(text)) if _NUMBER.fullmatch(text) else text
    return text


_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?")


def _nested(name: str, value: Any) -> dict[str, Any]:
    section, _, inner = name.rpartition(".")
    return {section: {inner: value}} if section else {inner: value}


def _problem(error: ValidationError, found: Any) -> UsageError:
    problem = gravest(error)
    hint = _SUCH_AS.get(".".join(str(part) for part in problem["loc"] if isinstance(part, str)), "")
    if problem["type"] == "extra_forbidden":
        model = SECTIONS.get(str(problem["loc"][0]), Config)
        known = f"known settings: {', '.join(model.model_fields)}"
        hint = "; ".join(filter(None, (meant(str(problem["loc"][-1]), model.model_fields), known)))
    return UsageError(found.message, hint=hint)


def _beside(path: Path, data: Mapping[str, Any]) -> dict[str, Any]:
    """Read file names in a configuration file relative to that file."""
    folder = path.parent

    def beside(value: Any) -> Any:
        return str(folder / value) if isinstance(value, str) and value else value

    moved = dict(data)
    for key in ("waivers", "attestations", "responses", "baseline"):
        if key in moved:
            moved[key] = beside(moved[key])
    for key in ("controls", "imports"):
        if isinstance(moved.get(key), list):
            moved[key] = [beside(item) for item in moved[key]]
    for section, keys in (("branding", ("logo",)), ("signing", ("key", "certificate", "tsa_ca"))):
        if isinstance(moved.get(section), dict):
            moved[section] = {key: beside(value) if key in keys else value for key, value in moved[section].items()}
    return moved
