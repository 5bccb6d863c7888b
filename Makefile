# Everything here sets up what it needs by itself, on a fresh Debian or Ubuntu with git, make and Python 3.11 or newer.
PYTHON ?= python3
BIN := .venv/bin
SOURCES := $(foreach folder,auditor tests benchmarks tools,$(if $(wildcard $(folder)/*.py),$(folder)))

# Without a browser the browser tests are left out and said so; in CI the set-up has already failed by then.
BROWSER = $(shell command -v chromedriver)
MARKED = $(if $(BROWSER),,-m "not browser")

# Without compiled modules each of some hundred processes that tests start compiles all of them again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: release kill-points remedies check-deploy months trino terminal golden check-questions questions compare-prowler conformance help demo-ready dev lint format test demo sample check readme check-readme scenarios bench package lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

dev: ## Set up everything that lint and tests need
	@$(PYTHON) tools/setup.py dev

demo-ready:
	@$(PYTHON) tools/setup.py demo

lint: dev ## Check style, types and spelling
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy $(SOURCES)
	$(BIN)/codespell
	bash -n .ci/run tools/*.sh

format: dev ## Rewrite the sources in the project's style
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

test: dev ## Run all tests, browser tests included
	$(BIN)/pytest -n auto --dist worksteal $(MARKED)

demo: demo-ready ## Audit a simulated AWS account and write a pack
	@$(BIN)/auditor demo; code=$$?; \
	case $$code in \
	  0|1|3|4) echo "auditor demo answered $$code; the findings are the simulated account's, so make is content." ;; \
	  *) exit $$code ;; \
	esac

sample: dev ## Rebuild the committed sample pack in reports/sample
	$(BIN)/python tools/sample.py

golden: dev ## Rewrite the texts that tests compare the reports with
	$(BIN)/python -m tests.render.golden

check: dev ## Fail when reports/sample is not what the sources produce
	$(BIN)/python tools/sample.py --check

check-deploy: dev ## Put every file under deploy/ through its checker and show what it says
	@$(BIN)/python -m tools.deploy --check

remedies: dev ## Try every remedy in simulated accounts and rewrite docs/remedies.md
	$(BIN)/python -m tests.remedy.table

questions: dev ## Rewrite docs/twenty-questions.md from the demo's trail
	$(BIN)/python -m tools.event_questions

check-questions: dev ## Fail when docs/twenty-questions.md is not what the demo answers
	$(BIN)/python -m tools.event_questions --check

readme: dev ## Rewrite the generated parts of README.md
	$(BIN)/python tools/readme.py

check-readme: dev ## Fail when the generated parts of README.md are out of date
	$(BIN)/python tools/readme.py --check

kill-points: dev ## Kill runs over an account and over several, one by one and two at once, at fifty points each; go on, and compare the packs (some minutes)
	AUDITOR_KILL_POINTS=50 $(BIN)/pytest -n 0 tests/run/test_resume.py tests/org/test_killed.py -k killed_run

months: dev ## Live through twelve months of a simulated account, into build/months
	$(BIN)/python -m tools.twelve_months

terminal: dev ## Rewrite docs/terminal.md, what the commonest commands print
	$(BIN)/python tools/terminal.py

# Where an AWS CLI is given (AWS=PATH) or the benchmark has installed one, its exit code stands beside our verdict.
AWS ?= $(wildcard build/awscli/bin/aws)
scenarios: dev ## Print the attacks on a trail with finding and verdict (AWS=PATH/TO/aws: its answer beside ours)
	$(BIN)/python -m tests.trail.scenarios $(if $(AWS),--aws $(AWS))

bench: dev ## Measure speed and memory side by side with other tools
	$(BIN)/python benchmarks/trail.py
	$(BIN)/python benchmarks/events.py
	$(BIN)/python benchmarks/growth.py --svg docs/images/growth.svg
	$(BIN)/python benchmarks/organization.py

package: dev ## Build the wheel into dist/
	$(BIN)/hatchling build -t wheel

lock: ## Rewrite the lock files from pyproject.toml (UPGRADE=1 takes newer releases)
	tools/lock.sh $(if $(UPGRADE),--upgrade)

release: dev ## Close this version once it is tagged and built, and begin the next one (NEXT=1.2.0)
	$(BIN)/python -m tools.release $(NEXT)

clean: ## Remove caches and build results, not the environment
	rm -rf build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +

conformance: dev ## Have others judge our PDFs (veraPDF), pages (vnu), SARIF (multitool), tables (LibreOffice), event patterns (event-ruler)
	$(BIN)/python tools/conformance.py
	$(BIN)/python tools/event_ruler.py

compare-prowler: dev ## Audit the demo account with Prowler too, in its own environment (2.3 GB), and compare
	$(BIN)/python -m tools.compare_prowler

trino: dev ## Ask the questions of Athena in Trino too, and compare (needs Java and Maven, some minutes)
	$(BIN)/python -m tools.trino_questions
