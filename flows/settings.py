"""Every variable, its default and its reason. Read once, before anything starts."""

from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from flows import setting_kinds as kinds
from flows import storage_names
from flows.addresses import passwords
from stages.errors import Misconfigured

ROUTER = "https://router.huggingface.co/v1"
ROUTER_MODEL = "Qwen/Qwen3-Coder-30B-A3B-Instruct"
OPENAI = "https://api.openai.com/v1"
REAL_HUB = "https://huggingface.co"
REHEARSAL = Path(__file__).parent.parent / "deployments" / "rehearsal" / "conversations"

CI = (
    ".github/workflows/**", ".github/actions/**", ".gitlab-ci.yml", ".gitlab/ci/**", ".gitea/workflows/**",
    ".forgejo/workflows/**", ".circleci/**", ".buildkite/**", ".ci/**", ".travis.yml", ".drone.yml", ".woodpecker.yml",
    "bitbucket-pipelines.yml", "azure-pipelines.yml", "Jenkinsfile",
)  # fmt: skip
LOCK_FILES = (
    "*.lock", "bun.lockb", "package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml", "packages.lock.json",
    "gradle.lockfile", ".terraform.lock.hcl", "go.sum",
)  # fmt: skip
SECRETS = (
    ".env*", "*.env", ".netrc", ".npmrc", ".pypirc", ".git-credentials", ".aws/**", "credentials.json", "secrets.yml",
    "secrets.yaml", "*.pem", "*.key", "*.p12", "*.pfx", "id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*",
)  # fmt: skip


class Settings(BaseSettings):
    """The worker's settings, from the environment.

    Raises pydantic.ValidationError; `flows.environment.load` turns it into sentences.
    """

    model_config = SettingsConfigDict(env_prefix="AUTOCODER_", extra="forbid", frozen=True, env_ignore_empty=True)

    # --- the Hub -----------------------------------------------------------------------------------
    hf_token: kinds.Secret | None = Field(None, validation_alias="HF_TOKEN")
    """Write token of a Hugging Face account. Unset: the local Hub."""
    hf_username: kinds.Owner = Field("autocoder", validation_alias="HF_USERNAME")
    """Account or organisation that owns the three datasets."""
    hf_endpoint: kinds.HubAddress | None = Field(None, validation_alias="HF_ENDPOINT")
    """Another Hub than huggingface.co."""
    local: bool = False
    """Keep everything on this machine despite a token: local Hub, and no router."""
    local_hub: kinds.LocalAddress = "http://127.0.0.1:8765"
    """Address of the local Hub."""
    analysis_dataset: kinds.Dataset = ""
    """Default: `{HF_USERNAME}/autocoder-analysis-results`."""
    test_plan_dataset: kinds.Dataset = ""
    """Default: `{HF_USERNAME}/autocoder-test-planning-results`."""
    results_dataset: kinds.Dataset = ""
    """Default: `{HF_USERNAME}/autocoder-implementation-results`."""
    private: bool = False
    """Make the results dataset private when it is first created."""

    # --- the model ---------------------------------------------------------------------------------
    openai_base_url: kinds.Address | None = Field(None, validation_alias="OPENAI_BASE_URL")
    openai_api_key: kinds.Secret | None = Field(None, validation_alias="OPENAI_API_KEY")
    model: kinds.Model = ""
    """Model id, or `replay:PATH`. Unset: the router's default with a token, the rehearsal without."""
    record: kinds.NewPath | None = None
    """Folder or file that every conversation of a run is appended to."""
    calls_in_flight: int = Field(16, ge=1, le=1024)
    """Model calls at a time, over all items of a run."""
    answer_tokens: int = Field(8192, ge=256)
    """The longest answer asked for, reasoning included."""
    temperature: float = Field(0.2, ge=0, le=2)
    silence_seconds: float = Field(90, gt=0)
    """How long a streaming answer may say nothing."""
    call_seconds: float = Field(600, gt=0)
    """How long one answer may take as a whole."""
    failures: int = Field(20, ge=2)
    """Failures of the endpoint in a row after which it is left alone."""
    rest_minutes: float = Field(10, gt=0)
    """For how long; twice as long each time that it then fails again, up to an hour."""
    price_prompt: float | None = Field(None, ge=0)
    """US dollars per million prompt tokens; unset: cost is not counted."""
    price_completion: float | None = Field(None, ge=0)

    # --- money -------------------------------------------------------------------------------------
    tokens_per_item: int = Field(200_000, ge=1_000)
    tokens_per_run: int = Field(800_000, ge=1_000)
    tokens_per_day: int | None = Field(None, ge=1_000)
    """Default: 200,000 on the router (a free account's credit is small), else 20 million."""
    dollars_per_item: float | None = Field(None, gt=0)
    """Bounds in money hold where prices are set; unset: none."""
    dollars_per_run: float | None = Field(None, gt=0)
    dollars_per_day: float | None = Field(None, gt=0)

    # --- work --------------------------------------------------------------------------------------
    home: kinds.Home = Path(".autocoder")
    """Everything the worker keeps on disk. Deleting it loses what is not published yet, and the local Hub."""
    waiting_outcomes: int = Field(1_024, ge=1)
    """Finished outcomes that may wait on disk for the Hub; no more items are taken up than there is room for."""
    cache_gigabytes: float = Field(10, ge=0)
    """Bound on what is kept to be quicker: stored thoughts, mirrors, environments. The longest unused go first."""
    cache_days: float = Field(14, ge=1)
    """What was not used for so long goes too, but for what was thought of items without an outcome: that stays."""
    free_megabytes: float = Field(200, ge=0)
    """With less room on the disk nothing new is begun."""
    repository: kinds.Repository = ""
    """git URL or local path of the code that findings without a repository of their own are about.

    A relative path begins in the folder that the worker is started in (one that a finding names: in AUTOCODER_HOME).
    """
    retry_minutes: float = Field(60, ge=0)
    """Pause before an item whose attempt broke off is taken up again; doubles each time."""
    tries: int = Field(3, ge=1)
    """After so many broken-off attempts an item is set aside with a row that says why."""
    candidates: int = Field(1, ge=1, le=8)
    """First drafts written side by side, of which the best is chosen; wants a temperature above 0, or all are alike."""
    repairs: int = Field(2, ge=0, le=10)
    """Times a failing draft is shown its failures."""
    templates: kinds.Folder | None = None
    """A folder whose templates replace ours, one by one, by file name."""
    code_tokens: int = Field(12_000, ge=0)
    """Budget for the repository's code in a prompt."""
    listing_minutes: float = Field(60, gt=0)
    """How often an upstream dataset is listed in full."""
    upstream_megabytes: float = Field(2, gt=0)
    """An upstream JSON record over this size is quarantined."""

    # --- more than one worker ----------------------------------------------------------------------
    scale: int = Field(0, ge=0, le=100)
    """0: a run works on its items in its own process. N: it hands items out, up to N at a time, to runs of
    `implement-item` on any worker of the pool, and a later run publishes what they came to."""
    results: kinds.Storage = ""
    """Where stored thoughts, handed-out items and what they came to are kept: a folder that all machines share, or
    `block-type/name` of a Prefect storage block (S3 and the like). Default: `results` in AUTOCODER_HOME.

    A relative folder begins with `./`. All machines that share it are one worker, and trust one another.
    """
    calls_per_minute: int | None = Field(None, ge=2)
    """Model calls that the runs of one Prefect server may begin in any minute, all together; unset: no bound.

    A global Prefect limit, which `make deploy` makes from it: set it alike there and where the runs are.
    """
    notify: kinds.Block = ""
    """Notification block of Prefect's that `make deploy` lets automations use; unset: there are events only."""

    # --- housekeeping ------------------------------------------------------------------------------
    keep_rows: int | None = Field(None, ge=1)
    """Rows of the results dataset that stay at least; unset: all.

    Older ones are removed daily, a whole shard (up to 4,096 rows) at a time, and their items are not worked on again.
    """
    keep_days: float | None = Field(None, gt=0)
    """The same by age: rows decided longer ago are removed. With both set, a row goes when either says so."""
    squash: bool = False
    """Squash the history of the results dataset daily: what was removed frees its storage, and cannot be put back."""
    quota_gigabytes: float = Field(100, gt=0)
    """What the results dataset may come to, history included: what a free account may keep in private."""
    quota_files: int = Field(100_000, ge=1)
    """Files that the Hub recommends a dataset to have at most."""
    quota_warning: float = Field(0.5, gt=0, le=1)
    """The share of either quota from which on every daily look warns."""

    # --- running what nobody trusts ----------------------------------------------------------------
    wall_seconds: float = Field(60, gt=0)
    """How long one confined run of tests may take. A draft's tests that take longer fail."""
    suite_seconds: float = Field(600, gt=0)
    """The same for a run of a repository's own suite."""
    cpu_seconds: float = Field(600, gt=0)
    """Processor time of a confined run, all its processes together."""
    memory_megabytes: int = Field(1024, ge=64)
    disk_megabytes: int = Field(256, ge=1)
    """What a confined run may add to its folders."""
    processes: int = Field(64, ge=1)
    """Processes and threads of a confined run."""
    open_files: int = Field(256, ge=32)
    output_kilobytes: int = Field(256, ge=1)
    """The end of the output that is kept; more is no fault."""
    python: kinds.Interpreter | None = None
    """The interpreter (`…/bin/python`) that a repository's tests run in; pytest must be installed there.

    Unset: an environment made for the repository's requirements, or the worker's own where it has none.
    """
    suite: str = ""
    """A command that tests a repository, run in its root. Unset: pytest, `npm test` and the like, where it has them."""

    # --- where strangers can reach it ----------------------------------------------------------------
    password: kinds.Password | None = None
    """What the Prefect server of a Space asks for. Unset: one is made at each start, and printed to the log."""
    webhook_secret: kinds.Secret | None = None
    """What the Hub's webhook sends along with each call; unset: none is taken."""

    # --- guards on a patch -------------------------------------------------------------------------
    protected: kinds.Patterns = CI + LOCK_FILES + SECRETS
    """Paths that no patch may touch: CI, lock files, files of secrets. A pattern without a slash holds at any depth.

    Set: patterns separated by commas, which replace these; a comma alone is none.
    """
    patch_files: int = Field(20, ge=1)
    patch_lines: int = Field(2_000, ge=1)

    @model_validator(mode="after")
    def _keyed(self) -> "Settings":
        if self.model_address == OPENAI and not self.openai_api_key:
            raise ValueError(
                f"{self.model} is asked for at {OPENAI}: set OPENAI_API_KEY, or OPENAI_BASE_URL to another"
            )
        return self

    @model_validator(mode="after")
    def _priced(self) -> "Settings":
        bounds = (self.dollars_per_item, self.dollars_per_run, self.dollars_per_day)
        if any(bounds) and (self.price_prompt is None or self.price_completion is None):
            raise ValueError("a bound in dollars needs both AUTOCODER_PRICE_PROMPT and AUTOCODER_PRICE_COMPLETION")
        return self

    # --- what follows from them --------------------------------------------------------------------
    @property
    def on_real_hub(self) -> bool:
        """Whether a Hub with accounts is read and written."""
        return self.hf_token is not None and not self.local

    @property
    def secrets(self) -> tuple[SecretStr | None, ...]:
        """What must never be seen anywhere."""
        login = (SecretStr(each) for each in passwords(self.openai_base_url or ""))
        return (self.hf_token, self.openai_api_key, self.password, self.webhook_secret, *login)

    @property
    def hub_address(self) -> str:
        """Base URL of the Hub."""
        return (self.hf_endpoint or REAL_HUB) if self.on_real_hub else self.local_hub

    @property
    def datasets(self) -> tuple[str, str, str]:
        """Ids of the analysis, the test-plan and the results dataset."""
        return (
            self.analysis_dataset or f"{self.hf_username}/autocoder-analysis-results",
            self.test_plan_dataset or f"{self.hf_username}/autocoder-test-planning-results",
            self.results_dataset or f"{self.hf_username}/autocoder-implementation-results",
        )

    @property
    def results_folder(self) -> Path | None:
        """Where stored results are on disk; None where a storage block says where they are."""
        return storage_names.folder(self.results, self.home)

    @property
    def model_name(self) -> str:
        """Model id, or `replay:PATH`: by design an address chooses, see the README's table."""
        if self.model:
            return self.model
        if self.openai_base_url:
            return ""  # the endpoint's only model, asked for at the first call
        return ROUTER_MODEL if self.on_real_hub else f"replay:{REHEARSAL}"

    @property
    def model_address(self) -> str:
        """Base URL of the model's endpoint; empty for a replay."""
        if self.model_name.startswith("replay:"):
            return ""
        openai = self.model and self.openai_api_key  # a stray key alone calls nobody
        return self.openai_base_url or (ROUTER if self.on_real_hub and not openai else OPENAI)

    @property
    def day_tokens(self) -> int:
        """The bound on tokens per day."""
        on_router = urlsplit(self.model_address).hostname == urlsplit(ROUTER).hostname
        return self.tokens_per_day or (200_000 if on_router else 20_000_000)

    def check_publishing(self) -> None:
        """Raises Misconfigured for recorded answers that would be published to a Hub with accounts."""
        if self.on_real_hub and self.model_name.startswith("replay:"):
            raise Misconfigured(
                "A replay is never published to the real Hub: set AUTOCODER_MODEL to a model, or AUTOCODER_LOCAL=1."
            )
