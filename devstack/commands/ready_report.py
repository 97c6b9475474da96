"""What `dev.py run` prints when every part answers."""

import shlex

from devstack.files import ROOT
from devstack.issuer.users import STACK_USERS
from devstack.stack import azurite
from devstack.stack.plan import Plan
from devstack.well_known import BOT_ID


def ready_report(plan: Plan, default_state: bool) -> str:
    """The addresses, the users, and a command line to paste into another terminal."""
    users = ", ".join(f"{user.id} ({user.display_name})" for user in STACK_USERS)
    host = plan.api if plan.with_host else "not started; start it yourself, for example: func start"
    lines = [
        "",
        "The stack is ready. Ctrl-C stops it.",
        "",
        f"  Page     {plan.web}  (open it in two windows; the first visit makes it)",
        f"  API      {host}",
        *([f"  Docs     {plan.api}/docs  (every route; tries requests)"] if plan.with_host else []),
        f"  Issuer   {plan.issuer}  and  {plan.issuer_tls}  (log in as any of the users)",
        f"  ACS      {plan.acs}  and  {plan.acs_tls}  (trust {plan.certificates.authority})",
        f"  Graph    {plan.graph}  and  {plan.graph_tls}",
        f"  Tables   {azurite.endpoint(plan.ports['tables'])}",
        f"  State    {plan.folder.path}  (stack.json has all of this for programs; logs/)",
        f"  Users    {users}",
        *([f"  Bot      {BOT_ID}  (key 1 connects to Carol)"] if plan.with_host else []),
        "",
        f"A bearer token: {_token_command(plan, default_state)}",
    ]
    if plan.with_host:
        lines += ["A calling token for Alice, to paste into another terminal:", ""]
        lines += [f"  {_curl(plan, default_state)}", ""]
    return "\n".join(lines)


def _curl(plan: Plan, default_state: bool) -> str:
    bearer = f"$({_token_command(plan, default_state)} | tail -n 1)"
    return f'curl -s -w "\\n" -X POST -H "Authorization: Bearer {bearer}" {plan.api}/token'


def _token_command(plan: Plan, default_state: bool) -> str:
    # With the full path, because the other terminal is usually in another folder.
    command = ["python3", str(ROOT / "dev.py"), "token", "alice"]
    if not default_state:
        command += ["--state", str(plan.folder.path)]
    return shlex.join(command)
