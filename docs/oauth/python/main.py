"""For `scripts/interop`: a question a line on standard input, an answer a line on standard output, both JSON; and the
resource server beside it."""

import json
import os
import sys
import threading

import authlib_client
import requests_oauthlib_client
from authlib.integrations.base_client import OAuthError
from oauthlib.oauth2 import OAuth2Error
from resource_server import app
from werkzeug.serving import make_server

ISSUER = os.environ["ISSUER"]


def by_authlib(do: str, client: dict, parameters: dict) -> dict | None:
    if do == "discover":
        return authlib_client.discover(parameters.get("issuer", ISSUER))
    mine = authlib_client.Client(ISSUER, client["id"], client.get("secret"), client.get("method"))
    return getattr(mine, do)(**parameters)


def by_requests_oauthlib(do: str, client: dict, parameters: dict) -> dict:
    endpoint = authlib_client.discover(ISSUER)["token_endpoint"]
    token = getattr(requests_oauthlib_client, do)(endpoint, client["id"], client["secret"], **parameters)
    return {**token, "scope": " ".join(token["scope"])}  # a list, here


LIBRARIES = {"authlib": by_authlib, "requests-oauthlib": by_requests_oauthlib}


def answer(question: dict) -> dict:
    try:
        work = LIBRARIES[question["library"]]
        parameters = question.get("parameters", {})
        parameters.pop("code", None)  # it stands in the callback
        return {"ok": work(question["do"], question.get("client", {}), parameters)}
    except (OAuthError, OAuth2Error) as error:
        return {"error": error.error}
    except Exception as error:
        return {"unexpected": repr(error)}


resource_server = app(ISSUER, os.environ["AUDIENCE"], os.environ["CLIENT_ID"], os.environ["CLIENT_SECRET"])
server = make_server("127.0.0.1", int(os.environ["PORT"]), resource_server, threaded=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
