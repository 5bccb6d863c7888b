"""Loads the control catalogue: YAML in, checked ``Control`` and ``Framework`` values out. Judges and collects nothing.

The catalogue is the registry: an unknown key, operation, check, severity or control id, a duplicate, or a JMESPath that
does not compile stops the load with file and line.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from auditor.base.errors import CatalogError, UsageError
from auditor.base.suggest import meant
from auditor.base.yamlfile import YamlError, YamlFile, load_yaml, problems_of
from auditor.evidence.operations import Operation, check_expression, parse_operations
from auditor.model import Control, Framework, Requirement, Scope, Severity, State, TestType

_ID = r"^[a-z][a-z0-9]*(-[a-z0-9]+)+$"
CHOSEN = "chosen-controls"
"""The id of what stands in a framework's place for single controls; no framework may have it."""

_EMPTY = {"fail": State.FAIL, "not-applicable": State.NOT_APPLICABLE, "pass": State.PASS}


@dataclass(frozen=True, slots=True)
class Catalog:
    """Everything that can be asked for.

    Args:
        controls: by id, in the order of the files.
        frameworks: by id.
        operations: by name.
        files: every file with the bytes that were read, for the pack's ``rules/`` folder.
        written: each rule as it is written, by name such as ``control iam-root-mfa``; ``operations`` are one of them.
    """

    controls: Mapping[str, Control]
    frameworks: Mapping[str, Framework]
    operations: Mapping[str, Operation]
    files: Mapping[Path, bytes]
    written: Mapping[str, Any]

    def select(self, framework_ids: Sequence[str], control_ids: Sequence[str] = ()) -> tuple[Framework, ...]:
        """Return frameworks by id; single controls that none of them asks for make one more, ``CHOSEN``.

        Raises:
            UsageError: there is no framework or control of that id.
        """
        unknown = [name for name in framework_ids if name not in self.frameworks]
        if unknown:
            known = f"known ones: {', '.join(sorted(self.frameworks))}"
            raise UsageError(
                f"there is no framework {unknown[0]!r}",
                hint="; ".join(filter(None, (meant(unknown[0], self.frameworks), known))),
            )
        frameworks = tuple(self.frameworks[name] for name in dict.fromkeys(framework_ids))
        asked = {name for framework in frameworks for name in framework.controls}
        alone = [self.control(name) for name in dict.fromkeys(control_ids)]
        rest = tuple(control for control in alone if control.id not in asked)
        return (*frameworks, _chosen(rest)) if rest else frameworks

    def control(self, name: str) -> Control:
        """Return a control by id.

        Raises:
            UsageError: there is none; the hint names the one that comes closest.
        """
        if name in self.controls:
            return self.controls[name]
        raise UsageError(
            f"there is no control {name!r}", hint=meant(name, self.controls, "see `auditor controls list`")
        )

    def controls_of(self, frameworks: Iterable[Framework]) -> tuple[Control, ...]:
        """Return the controls that the frameworks ask for, each once, in their order."""
        names = dict.fromkeys(name for framework in frameworks for name in framework.controls)
        return tuple(self.controls[name] for name in names)

    def operations_of(self, controls: Iterable[Control]) -> tuple[str, ...]:
        """Return the names of the operations that the controls read, sorted."""
        return tuple(sorted({name for control in controls for name in (*control.evidence, *control.consults)}))


def _chosen(controls: Sequence[Control]) -> Framework:
    """Return what stands in a framework's place for controls that were asked for one by one."""
    requirements = tuple(Requirement(item.id, item.title, (item.id,), (), None, "", {}) for item in controls)
    return Framework(CHOSEN, "Controls chosen one by one", "", "", "", requirements, "")


class _ControlFile(BaseModel):
    """One entry of a control file. Defaults say what most controls are."""

    model_config = ConfigDict(extra="forbid")

    id: Annotated[str, Field(pattern=_ID, max_length=80)]
    title: Annotated[str, Field(max_length=160)]
    severity: Severity
    service: str
    test_type: TestType = TestType.PIT
    scope: Scope = Scope.RESOURCE
    objective: str
    criterion: str
    test: str = ""
    why: str = ""
    remediation: str = ""
    side_effects: str = ""
    evidence: list[str] = Field(default_factory=list)
    consults: list[str] = Field(default_factory=list)
    population: str = ""
    identify: str = ""
    home_region: str = ""
    exclude_when: str = ""
    exclude_reason: str = ""
    pass_when: str = ""
    optional: list[str] = Field(default_factory=list)
    check: str = ""
    parameters: dict[str, Any] = Field(default_factory=dict)
    when_empty: Literal["fail", "not-applicable", "pass"] = "not-applicable"
    empty_reason: str = ""
    manual: bool = False
    """No API shows it: only an attestation can answer."""

    @model_validator(mode="after")
    def _complete(self) -> "_ControlFile":
        if self.manual:
            if self.check or self.pass_when or self.evidence or self.consults:
                raise ValueError("a manual control has neither check, pass_when nor evidence")
            return self
        if bool(self.check) == bool(self.pass_when):
            raise ValueError("a control has either pass_when or check")
        if not self.evidence:
            raise ValueError("a control that is judged names its evidence")
        if self.consults and not self.check:
            raise ValueError("only a check can consult further operations")
        if bool(self.population) != bool(self.identify):
            raise ValueError("population and identify go together")
        if self.scope is Scope.RESOURCE and self.pass_when and not self.population:
            raise ValueError("a control over resources has population and identify, or a check that lists them")
        if self.scope is not Scope.RESOURCE and self.pass_when and self.population:
            raise ValueError("population belongs to controls over resources")
        if bool(self.exclude_when) != bool(self.exclude_reason):
            raise ValueError("exclude_when and exclude_reason go together")
        return self


class _RequirementFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    title: str = ""
    controls: list[str] = Field(default_factory=list)
    suggested: list[str] = Field(default_factory=list)
    level: int | None = None
    assessment: Literal["", "automated", "manual"] = ""
    parameters: dict[str, Any] = Field(default_factory=dict)


class _FrameworkFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]+$")]
    title: str
    edition: str = ""
    publisher: str = ""
    url: str = ""
    requirements: dict[str, _RequirementFile]


def load_catalog(folder: Path, *, own: Sequence[Path] = (), has_check: Callable[[str], bool]) -> Catalog:
    """Load the catalogue.

    Args:
        folder: the product's ``controls/`` folder.
        own: folders of the user's controls and ``frameworks/``; they may add, never replace.
        has_check: says whether a name such as ``cloudtrail.multi_region_trail`` is a check.

    Raises:
        CatalogError: something in the files is wrong; the message names file and line.
    """
    files: dict[Path, bytes] = {}

    def read(path: Path) -> YamlFile:
        file = _load(path)
        files[path] = file.source
        return file

    operations_path = folder / "operations.yaml"
    file = read(operations_path)
    operations, written = parse_operations(file), {"operations": file.data}
    controls: dict[str, Control] = {}
    frameworks: dict[str, Framework] = {}
    for parent in (folder, *own):
        for path in sorted(parent.glob("*.yaml")):
            if path == operations_path:
                continue
            file = read(path)
            for control, entry in zip(_controls(file, operations, has_check), file.data, strict=True):
                written[f"control {control.id}"] = entry
                if control.id in controls:
                    raise CatalogError(
                        f"{control.origin}: {control.id} is already defined at {controls[control.id].origin}"
                    )
                controls[control.id] = control
    for parent in (folder, *own):
        for path in sorted((parent / "frameworks").glob("*.yaml")):
            file = read(path)
            framework = _framework(file, controls)
            written[f"framework {framework.id}"] = file.data
            if framework.id in frameworks or framework.id == CHOSEN:
                raise CatalogError(f"{framework.origin}: {framework.id} is already defined")
            frameworks[framework.id] = framework
    return Catalog(controls, frameworks, operations, files, written)


def _load(path: Path) -> YamlFile:
    try:
        return load_yaml(path)
    except YamlError as error:
        raise CatalogError(str(error)) from error


def _controls(
    file: YamlFile, operations: Mapping[str, Operation], has_check: Callable[[str], bool]
) -> Iterable[Control]:
    if not isinstance(file.data, list):
        raise CatalogError(f"{file.at()}: expected a list of controls")
    for index, entry in enumerate(file.data):
        try:
            parsed = _ControlFile.model_validate(entry)
        except ValidationError as error:
            raise problems_of(error, file, CatalogError, prefix=(index,)) from error
        for key in ("evidence", "consults"):
            for name in getattr(parsed, key):
                if name not in operations:
                    raise CatalogError(f"{file.at(index, key)}: {name} is not in operations.yaml")
        if parsed.check and not has_check(parsed.check):
            raise CatalogError(f"{file.at(index, 'check')}: there is no check named {parsed.check}")
        for key in ("population", "identify", "home_region", "exclude_when", "pass_when"):
            check_expression(getattr(parsed, key), file.at(index, key))
        yield _control(parsed, file.at(index))


def _control(parsed: _ControlFile, origin: str) -> Control:
    return Control(
        id=parsed.id,
        title=parsed.title,
        severity=parsed.severity,
        service=parsed.service,
        test_type=parsed.test_type,
        scope=Scope.ACCOUNT if parsed.manual else parsed.scope,
        objective=parsed.objective.strip(),
        criterion=parsed.criterion.strip(),
        test=parsed.test.strip(),
        why=parsed.why.strip(),
        remediation=parsed.remediation.strip(),
        side_effects=parsed.side_effects.strip(),
        evidence=tuple(parsed.evidence),
        population=parsed.population,
        identify=parsed.identify,
        home_region=parsed.home_region,
        exclude_when=parsed.exclude_when,
        exclude_reason=parsed.exclude_reason,
        pass_when=parsed.pass_when,
        optional=tuple(parsed.optional),
        check=parsed.check,
        parameters=parsed.parameters,
        when_empty=_EMPTY[parsed.when_empty],
        empty_reason=parsed.empty_reason,
        origin=origin,
        consults=tuple(parsed.consults),
    )


def _framework(file: YamlFile, controls: Mapping[str, Control]) -> Framework:
    try:
        parsed = _FrameworkFile.model_validate(file.data)
    except ValidationError as error:
        raise problems_of(error, file, CatalogError) from error
    for number, requirement in parsed.requirements.items():
        for name in (*requirement.controls, *requirement.suggested):
            if name not in controls:
                raise CatalogError(f"{file.at('requirements', number)}: there is no control {name}")
    return Framework(
        id=parsed.id,
        title=parsed.title,
        edition=parsed.edition,
        publisher=parsed.publisher,
        url=parsed.url,
        requirements=tuple(
            Requirement(
                id=number,
                title=item.title,
                controls=tuple(item.controls),
                suggested=tuple(item.suggested),
                level=item.level,
                assessment=item.assessment,
                parameters=item.parameters,
            )
            for number, item in parsed.requirements.items()
        ),
        origin=file.at(),
    )
