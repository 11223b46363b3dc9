"""`faas auth`: log in to a gateway with an identity provider."""

from __future__ import annotations

import click

from faas_cli.console import Console
from faas_cli.gateway.credentials import gateway_of, save_token
from faas_cli.options.gateway import gateway_option
from faas_cli.options.syntax import Duration, FaasCommand, Integer, option, pass_console, switch


@click.command(cls=FaasCommand)
@gateway_option
@option("--auth-url", default="", metavar="URL", help="Authorization endpoint of the provider.")
@option("--token-url", default="", metavar="URL", help="Token endpoint of the provider.")
@option("--client-id", default="", metavar="ID", help="Client ID.")
@option("--client-secret", default="", envvar="OPENFAAS_CLIENT_SECRET", metavar="SECRET", help="Client secret, if any.")
@option("--audience", default="", metavar="NAME", help="Audience of the token.")
@option("--scope", default="openid profile", show_default=True, metavar="SCOPES", help="Scopes to request.")
@option(
    "--grant",
    default="",
    type=click.Choice(["", "code", "implicit", "implicit-id", "client_credentials"]),
    metavar="[code|implicit|implicit-id|client_credentials]",
    help="Grant type; `code` (with PKCE) when there is a `--token-url`, else `implicit`.",
)
@option("--listen-port", type=Integer(), default="31111", show_default=True, help="Local port for the redirect.")
@option(
    "--redirect-host",
    default="http://127.0.0.1",
    show_default=True,
    metavar="URL",
    help="Host of the redirect URL, as registered with the provider.",
)
@switch("--launch-browser", default=True, help="Open the browser.")
@switch("--eula", default=True, help="Accepted for compatibility.")
@option("--timeout", type=Duration(), default="5m", show_default=True, help="Timeout of the login in the browser.")
@pass_console
def command(
    console: Console, gateway: str | None, auth_url: str, token_url: str, client_id: str, client_secret: str,
    audience: str, scope: str, grant: str, listen_port: int, redirect_host: str, launch_browser: bool, eula: bool,
    timeout: float,
) -> None:  # fmt: skip
    """Get a token from an OpenID Connect provider and save it for a gateway."""
    from faas_cli.gateway import oidc

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
