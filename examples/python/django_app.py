"""Django with a pool in each worker, opened after the fork of `gunicorn --preload`.

pip install tyrex-pool django gunicorn
gunicorn --config gunicorn.conf.py django_app:application
curl localhost:8000/total -H 'Content-Type: application/json' -d '[1, 2.5]'

Views that are coroutines run in event loops of their own: they too use this pool, with `sync_to_async`.
"""

import json
from collections.abc import Callable

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.http import require_POST

from tyrex_pool import BlockingLocalPool, TyrexError

RULES = "export const total = (prices) => prices.reduce((sum, price) => sum + price, 0);"

pool = BlockingLocalPool(size=1, inline=RULES)


class TyrexErrors:
    """Middleware: the status that an error of the pool stands for, instead of 500."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, TyrexError):
            return None
        document = {"name": error.name, "detail": error.detail, "retryable": error.retryable}
        return JsonResponse(document, status=error.status)


@require_POST
def total(request: HttpRequest) -> HttpResponse:
    return JsonResponse(pool.call("total", json.loads(request.body)), safe=False)


@require_POST
def evaluate(request: HttpRequest) -> HttpResponse:
    return JsonResponse(pool.eval(request.GET["code"]), safe=False)


urlpatterns = [path("total", total), path("eval", evaluate)]

settings.configure(
    ALLOWED_HOSTS=["localhost", "127.0.0.1"],
    MIDDLEWARE=[f"{__name__}.TyrexErrors"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="not used here",
)
application = get_wsgi_application()
