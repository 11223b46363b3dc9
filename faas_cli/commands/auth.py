"""`faas auth`: sign in to a gateway with an identity provider."""

from __future__ import annotations

import click

from faas_cli.console import Console
from faas_cli.gateway.credentials import gateway_of, save_token
from faas_cli.options import Duration, FaasCommand, Integer, switch


@click.command(cls=FaasCommand)
@click.option("-g", "--gateway", default=None, help="Address of the gateway the token is for.")
@click.option("--auth-url", default="", help="The provider's address for browsers.")
@click.option("--token-url", default="", help="The provider's address for tokens.")
@click.option("--client-id", default="", help="Who we are to the provider.")
@click.option("--client-secret", default="", envvar="OPENFAAS_CLIENT_SECRET", help="Its secret, if it has one.")
@click.option("--audience", default="", help="Who the token is for.")
@click.option("--scope", default="openid profile", show_default=True, help="What the token allows.")
@click.option(
    "--grant", default="", type=click.Choice(["", "code", "implicit", "implicit-id", "client_credentials"]),
    help="The flow: `code` (with PKCE) when there is a `--token-url`, else `implicit`.",
)  # fmt: skip
@click.option("--listen-port", type=Integer(), default="31111", show_default=True, help="Where the browser comes back.")
@click.option(
    "--redirect-host", default="http://127.0.0.1", show_default=True, help="The same, as the provider has it."
)
@switch("--launch-browser", default=True, help="Open the browser.")
@switch("--eula", default=True, help="Accepted for compatibility.")
@click.option("--timeout", type=Duration(), default="5m", show_default=True, help="How long to wait for the browser.")
def command(
    gateway: str | None, auth_url: str, token_url: str, client_id: str, client_secret: str, audience: str, scope: str,
    grant: str, listen_port: int, redirect_host: str, launch_browser: bool, eula: bool, timeout: float,
) -> None:  # fmt: skip
    """Get a token from an OpenID Connect provider and save it for a gateway."""
    from faas_cli.gateway import oidc

    console = Console()
    grant = grant or (oidc.CODE if token_url else oidc.IMPLICIT)
    provider = oidc.IdentityProvider(auth_url, token_url, client_id, client_secret, audience, scope)
    oidc.check(provider, grant)
    url = gateway_of(gateway)
    if grant == oidc.CLIENT:
        token = oidc.client_token(provider)
    else:
        with oidc.BrowserFlow(provider, grant, listen_port, redirect_host) as flow:
            console.info(f"Sign in here: {flow.address}")
            if launch_browser:
                import webbrowser

                webbrowser.open(flow.address)
            token = flow.token(timeout)
    where = save_token(url, token)
    console.data(f"credentials saved for {url}")
    console.info(f"They are in {where}.")
