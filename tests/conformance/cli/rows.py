"""A row for every command: how it is called when something is wrong around it."""

from dataclasses import dataclass

GATEWAY, SERVER, LOCAL = "gateway", "server", "local"


@dataclass(frozen=True)
class Row:
    """A command line, in a folder with the stack file `fn.yml`.

    `speaks` is whom it needs: a gateway, another server (at `{url}`, or `{host}`), nobody.
    `{store}` is a file with a function store.
    """

    arguments: str
    speaks: str = LOCAL
    careless: bool = False
    """Whether any answer with status 200 is good for it, whatever its body."""

    def typed(self, url, store):
        """The words, without those of `faas` itself."""
        return self.arguments.format(url=url, host=url.removeprefix("http://"), store=store).split()


ROWS = {
    "auth": Row(
        "auth --grant client_credentials --token-url {url}/token --client-id a --client-secret b -g http://h", SERVER
    ),
    "build": Row("build -f fn.yml"),
    "chart export": Row("chart export"),
    "ci init": Row("ci init --service none"),
    "completion": Row("completion --shell bash"),
    "config explain": Row("config explain -f fn.yml"),
    "deploy": Row("deploy -f fn.yml", GATEWAY, careless=True),
    "describe": Row("describe fn", GATEWAY),
    "dev": Row("dev -f fn.yml", GATEWAY),
    "diff": Row("diff -f fn.yml", GATEWAY),
    "doctor": Row("doctor"),
    "gateway install compose": Row("gateway install compose --print"),
    "gateway install systemd": Row("gateway install systemd --print"),
    "gateway install swarm": Row("gateway install swarm --print"),
    # Whoever runs the tests may have one.
    "gateway uninstall swarm": Row("gateway uninstall swarm --nonsense"),
    "gateway uninstall compose": Row("gateway uninstall compose --nonsense"),
    "gateway uninstall systemd": Row("gateway uninstall systemd --nonsense"),
    "gateway start": Row("gateway start --port nonsense"),
    "gateway stop": Row("gateway stop"),
    "gateway restart": Row("gateway restart"),
    "gateway status": Row("gateway status"),
    "gateway logs": Row("gateway logs"),
    "gateway config": Row("gateway config --config none.toml"),
    "gateway run": Row("gateway run --port nonsense"),
    "generate": Row("generate -f fn.yml"),
    "invoke": Row("invoke fn", GATEWAY, careless=True),
    "list": Row("list", GATEWAY),
    "local-run": Row("local-run -f fn.yml none"),
    "login": Row("login --password-stdin", GATEWAY),
    "logout": Row("logout"),
    "logs": Row("logs fn --tail=false", GATEWAY, careless=True),
    "mcp": Row("mcp"),
    "namespace list": Row("namespace list", GATEWAY),
    "namespace get": Row("namespace get a", GATEWAY),
    "namespace create": Row("namespace create a", GATEWAY, careless=True),
    "namespace update": Row("namespace update a --label b=c", GATEWAY, careless=True),
    "namespace remove": Row("namespace remove a", GATEWAY, careless=True),
    "new": Row("new --lang python fn -f fn.yml"),
    "plugin get": Row("plugin get a --registry {host}/b", SERVER),
    "plugin list": Row("plugin list"),
    "provider serve": Row("provider serve --port nonsense"),
    "publish": Row("publish -f fn.yml"),
    "push": Row("push -f fn.yml"),
    "queue list": Row("queue list", GATEWAY),
    "queue show": Row("queue show a", GATEWAY),
    "queue result": Row("queue result a", GATEWAY, careless=True),
    "queue replay": Row("queue replay a", GATEWAY),
    "queue purge": Row("queue purge --state dead", GATEWAY),
    "ready": Row("ready fn --attempts 1", GATEWAY),
    "registry-login": Row("registry-login -u a"),
    "remove": Row("remove fn", GATEWAY, careless=True),
    "rollback": Row("rollback fn", GATEWAY, careless=True),
    "scale": Row("scale fn 2", GATEWAY, careless=True),
    "schema": Row("schema"),
    "secret create": Row("secret create a --from-literal b", GATEWAY, careless=True),
    "secret update": Row("secret update a --from-literal b", GATEWAY, careless=True),
    "secret list": Row("secret list", GATEWAY),
    "secret remove": Row("secret remove a", GATEWAY, careless=True),
    "secret apply": Row("secret apply"),
    "secret generate": Row("secret generate"),
    "secret keygen": Row("secret keygen -o fn.yml"),
    "secret seal": Row("secret seal fn.yml --from-literal a=b"),
    "secret unseal": Row("secret unseal fn.yml"),
    "store list": Row("store list --url {url}", SERVER),
    "store describe": Row("store describe a --url {url}", SERVER),
    "store deploy": Row("store deploy env --platform x86_64 --url {store}", GATEWAY, careless=True),
    "template pull": Row("template pull {url}/a.git", SERVER),
    "template add": Row("template add a -f none.yml"),
    "template new": Row("template new a --from none"),
    "template test": Row("template test none"),
    "template store list": Row("template store list --url {url}", SERVER),
    "template store describe": Row("template store describe a --url {url}", SERVER),
    "template store pull": Row("template store pull a --url {url}", SERVER),
    "traffic": Row("traffic fn", GATEWAY),
    "up": Row("up -f fn.yml", GATEWAY, careless=True),
    "validate": Row("validate -f fn.yml"),
    "version": Row("version --json", GATEWAY),
}
"""By the words behind `faas`, as in its examples."""


def speaking(*whom):
    """The words of the commands that speak with one of these."""
    return [words for words, row in ROWS.items() if row.speaks in whom]
