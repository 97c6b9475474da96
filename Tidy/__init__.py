"""Timer, by TIDY_SCHEDULE: finish the work of requests that died."""

import azure.functions as func

from shared.http import serve_timer


async def main(timer: func.TimerRequest, context: func.Context) -> None:
    await serve_timer(timer, context, lambda app: app.tidy.run())
