"""`POST /score`: verdicts for expert scores, for frames, or for a whole log."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from app.auth import guard
from app.bodies import REF, media_type
from app.logs import LOG_TYPES, check_type, log_content
from app.scoring.schemas import ScoreAnswer
from app.scoring.service import EXPLAINED_WINDOWS, Asked, score
from app.scoring.traffic import Sent
from app.state import TheServices
from ml.telemetry.logs import bind

router = APIRouter(tags=["scoring"])

Reference = Annotated[
    str | None,
    Query(
        pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$",
        description="Alias or version of the release to score with; by default `production`.",
    ),
]
Vehicle = Annotated[
    str | None,
    Query(
        max_length=128,
        description="The vehicle that the frames are from: an enrolled one, or one that the "
        "release was trained on. The answer's `vehicle` tells what was done without it.",
    ),
]
Explain = Annotated[
    bool,
    Query(
        description=f"Explain the {EXPLAINED_WINDOWS} strongest of the flagged windows: which "
        "experts, which identifiers and which features moved the verdict."
    ),
]
Lenient = Annotated[bool, Query(description="Drop a log's bad lines and count them.")]

_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": REF.format(model="ScoreRequest")}},
            **log_content(),
        },
    }
}


@router.post(
    "/score",
    summary="Score windows",
    response_model=ScoreAnswer,
    openapi_extra=_BODY,
    **guard("score", 404, 409, 413, 415, 429),
)
async def post_score(
    request: Request,
    services: TheServices,
    release: Reference = None,
    vehicle: Vehicle = None,
    explain: Explain = False,
    lenient: Lenient = False,
) -> Response:
    """Give each window its fused score and verdict.

    Three forms of body, told apart by `Content-Type`:

    - `application/json` with the columns `anomaly_score` and `gat_prob`: scores that the experts
      gave already are fused;
    - `application/json` with the columns `timestamp`, `id` and `data`: frames are cut into windows
      and scored;
    - a whole log in any format that is read (CSV, candump, Parquet, …): likewise.

    It may come compressed, with `Content-Encoding: gzip` or `zstd`.

    Frames are seen relative to the profile of their vehicle. Where none is named, the answer says
    which of the release's own cars stands in (or the request is refused, if so configured).

    One release answers the whole request and is named in the answer.
    """
    media = media_type(request)
    check_type(media, {"application/json", *LOG_TYPES})
    services.gate.check()
    sent = Sent(await request.body(), media, lenient, services.settings.max_rows)
    asked = Asked(sent, vehicle, explain)

    def work() -> tuple[ScoreAnswer, bytes, float]:
        began = time.perf_counter()
        answer = score(services.holder.scorer(release), services.vehicles, asked)
        services.drift.observe(answer.release, vars(answer))
        return answer, answer.model_dump_json().encode(), time.perf_counter() - began

    answer, body, seconds = await services.gate.run(work)
    bind(release=answer.release)
    form = "log" if answer.log else "frames" if answer.vehicle else "scores"
    windows, attacks = len(answer.is_attack), sum(answer.is_attack)
    services.metrics.scored(answer.release, form, windows, attacks, seconds)
    return Response(body, media_type="application/json")
