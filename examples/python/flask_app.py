"""Flask with a pool in each worker, opened after the fork of `gunicorn --preload`.

pip install tyrex-pool flask gunicorn
gunicorn --config gunicorn.conf.py flask_app:app
curl localhost:8000/total -H 'Content-Type: application/json' -d '[1, 2.5]'

Where the pool is served elsewhere, a `tyrex_pool.Client` that is made at import does: it survives the fork.
"""

from flask import Flask, Response, jsonify, request

from tyrex_pool import BlockingLocalPool, TyrexError

RULES = "export const total = (prices) => prices.reduce((sum, price) => sum + price, 0);"

pool = BlockingLocalPool(size=1, inline=RULES)
app = Flask(__name__)


@app.errorhandler(TyrexError)
def failed(error: TyrexError) -> tuple[Response, int]:
    return jsonify(name=error.name, detail=error.detail, retryable=error.retryable), error.status


@app.post("/total")
def total() -> Response:
    return jsonify(pool.call("total", request.get_json()))


@app.post("/eval")
def evaluate() -> Response:
    return jsonify(pool.eval(request.args["code"]))
