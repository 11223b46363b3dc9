"""`faas auth`: log in to a gateway with an identity provider."""

from __future__ import annotations

import click

from faas_cli.console import Console
from faas_cli.gateway.credentials import gateway_of, save_login
from faas_cli.options.gateway import gateway_option
from faas_cli.options.syntax import Duration, FaasCommand, Integer, option, pass_console, switch


@click.command(cls=FaasCommand)
@gateway_option
@option("--issuer", default="", metavar="URL", help="Issuer (OpenID Connect); its other addresses are discovered.")
@option("--auth-url", default="", metavar="URL", help="Authorization endpoint of the provider.")
@option("--token-url", default="", metavar="URL", help="Token endpoint of the provider.")
@option("--device-url", default="", metavar="URL", help="Device authorization endpoint of the provider.")
@option("--client-id", default="", metavar="ID", help="Client ID.")
@option("--client-secret", default="", envvar="OPENFAAS_CLIENT_SECRET", metavar="SECRET", help="Client secret, if any.")
@option("--audience", default="", metavar="NAME", help="Audience of the token.")
@option(
    "--scope",
    default=None,
    metavar="SCOPES",
    help="Scopes to request; `openid profile` by default, none for `client_credentials`.",
)
@option(
    "--grant",
    default="",
    type=click.Choice(["", "code", "device", "client_credentials", "implicit", "implicit-id"]),
    metavar="[code|device|client_credentials|implicit|implicit-id]",
    help="Grant type; `code` (with PKCE) when there is an issuer or a token endpoint, else `implicit`.",
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
@option("--timeout", type=Duration(), default="5m", show_default=True, help="Timeout of the login.")
@pass_console
def command(
    console: Console, gateway: str | None, issuer: str, auth_url: str, token_url: str, device_url: str,
    client_id: str, client_secret: str, audience: str, scope: str | None, grant: str, listen_port: int,
    redirect_host: str, launch_browser: bool, eula: bool, timeout: float,
) -> None:  # fmt: skip
    """Get a token from an OpenID Connect provider and save it for a gateway."""
    from faas_cli.gateway import oidc

    provider = oidc.IdentityProvider(auth_url, token_url, client_id, client_secret, audience, scope, device_url)
    if issuer:
        provider = oidc.discover(issuer, provider)
    grant = grant or (oidc.CODE if provider.token_url else oidc.IMPLICIT)
    oidc.check(provider, grant)
    url = gateway_of(gateway)
    if grant == oidc.CLIENT:
        login = oidc.client_login(provider)
    elif grant == oidc.DEVICE:
        from faas_cli.gateway.oidc_device import device_login

        def show(address: str, code: str) -> None:
            console.info(f"Sign in on any device: {address}\nCode: {code}")

        login = device_login(provider.device_url, provider.endpoint, provider.scope_for(grant), audience, timeout, show)
    else:
        with oidc.BrowserFlow(provider, grant, listen_port, redirect_host) as flow:
            console.info(f"Sign in here: {flow.address}")
            if launch_browser:
                import webbrowser

                webbrowser.open(flow.address)
            login = flow.login(timeout)
    where = save_login(url, login)
    console.data(f"credentials saved for {url}")
    console.info(f"They are in {where}.")
