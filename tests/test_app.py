"""The local page: who may ask, what is taken, the queue; and the page itself in a browser, where there is one."""

import io
import multiprocessing
import threading
import time

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("starlette", reason="needs pip install 'dgan_jax[app]'")
pytest.importorskip("httpx2", reason="needs httpx2, for Starlette's test client")

from starlette.testclient import TestClient

from dgan_jax.app import jobs, server, store, worker
from dgan_jax.app.orders import Failed, Order
from dgan_jax.data.images import decode_image, read_image
from dgan_jax.data.photo_files import read_photo
from dgan_jax.restore import several

HOST = "127.0.0.1:8765"
PAGE = {"X-Dgan": "page"}
LIMITS = store.Limits(megabytes=0.2, megapixels=0.02, photos=8, holes=8)


def picture(size=(40, 32), seed=0, mode="RGB"):
    values = np.random.default_rng(seed).integers(0, 256, (size[1] // 4, size[0] // 4, len(mode)), np.uint8)
    return Image.fromarray(values.squeeze()).resize(size, Image.Resampling.BICUBIC)


def encoded(image, format="PNG", **options):
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def box_mask(size=(40, 32), box=(8, 8, 20, 18)):
    mask = Image.new("L", size)
    mask.paste(255, box)
    return encoded(mask)


@pytest.fixture(scope="module")
def client():
    app = server.create([HOST, "localhost:8765"], limits=LIMITS, waiting=3)
    with TestClient(app, base_url=f"http://{HOST}", headers=PAGE) as client:
        yield client


def upload(client, data, name="photo.png"):
    answer = client.post(f"/api/photos?name={name}", content=data)
    assert answer.status_code == 200, answer.text
    return answer.json()


def ordered(client, own, mask=None, **values):
    hole = {}
    if mask is not None:
        answer = client.post(f"/api/holes?photo={own['id']}", content=mask)
        assert answer.status_code == 200, answer.text
        hole = {"hole": answer.json()["id"]}
    order = {"photo": own["id"], "task": "inpaint", "method": "system:telea", **hole, **values}
    return client.post("/api/jobs", json=order)


def ended(client, job, seconds=120):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        told = client.get(f"/api/jobs/{job}").json()
        if told["state"] not in ("waiting", "running"):
            return told
        time.sleep(0.05)
    raise AssertionError(f"still {told} after {seconds} s")


# Who may ask.


def test_the_page_comes_with_a_policy_that_lets_nothing_out(client):
    answer = client.get("/")
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "connect-src 'self'" in policy
    assert "unsafe" not in policy
    assert "http:" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    for path in server.PAGE.iterdir():
        text = path.read_text("utf-8")
        assert "http://" not in text.replace("http://www.w3.org", "")
        assert "https://" not in text
        assert " style=" not in text, "the policy forbids it"


@pytest.mark.parametrize(
    ("method", "place", "headers"),
    [
        ("GET", "/", {"Host": "evil.example"}),
        ("GET", "/", {"Host": f"evil.example:{HOST.partition(':')[2]}"}),
        ("GET", "/", {"Host": "127.0.0.1"}),
        ("GET", "/", {"Host": "127.0.0.1:8765.evil.example"}),
        ("GET", "/api/methods", {"Host": "evil.example"}),
        ("GET", "/api/methods", {"Origin": "http://evil.example"}),
        ("GET", "/api/methods", {"Origin": "null"}),
        ("GET", "/api/methods", {"Origin": "http://127.0.0.1:9999"}),
        ("GET", "/api/methods", {"Sec-Fetch-Site": "cross-site"}),
        ("GET", "/api/methods", {"Sec-Fetch-Site": "same-site"}),
        ("POST", "/api/photos", {"Origin": "https://127.0.0.1:8765"}),
        ("POST", "/api/photos", {"Origin": "http://localhost:8765"}),
        ("POST", "/api/photos", {"X-Dgan": None}),
        ("OPTIONS", "/api/photos", {"Origin": "http://evil.example"}),
        ("DELETE", "/api/jobs/x", {"X-Dgan": None}),
    ],
)
def test_other_pages_and_other_names_are_refused(client, method, place, headers):
    given = {name: value for name, value in {**PAGE, **headers}.items() if value is not None}
    own = dict(client.headers)
    client.headers.pop("x-dgan")
    try:
        answer = client.request(method, place, headers=given)
    finally:
        client.headers.update(own)
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers


def test_its_own_page_is_answered_by_both_of_its_names(client):
    for host in (HOST, "localhost:8765"):
        headers = {"Host": host, "Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"}
        assert client.get("/page.js", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "place",
    ["/../pyproject.toml", "/..%2f..%2fpyproject.toml", "/page/../server.py", "/server.py", "/%2fetc%2fpasswd",
     "/api/photos/..%2f..%2fetc/picture", "/api/jobs/../../etc/0/file"],
)  # fmt: skip
def test_no_place_that_a_client_names_is_opened(client, place):
    assert client.get(place).status_code == 404


def test_a_name_of_a_client_is_but_a_name():
    assert store.plain_name("../../etc/passwd") == "passwd"
    assert store.plain_name("C:\\Windows\\a.png") == "a.png"
    assert store.plain_name('a"b\r\nSet-Cookie: x.png') == "abSet-Cookie x.png"
    assert store.plain_name("..") == "photograph.png"
    assert len(store.plain_name("x" * 500 + ".png")) <= 120


# What is taken.


def test_what_is_no_photograph_is_refused_with_a_sentence_and_forgotten(client):
    kept = len(list(client.app.state.folder.iterdir()))
    for data, says in ((b"", "empty"), (b"not an image", "not an image"), (encoded(picture())[:200], "damaged")):
        answer = client.post("/api/photos?name=../holiday.png", content=data)
        assert answer.status_code == 400
        assert says in answer.json()["error"]
        assert "holiday.png" in answer.json()["error"]
        assert "/" not in answer.json()["error"]
    assert len(list(client.app.state.folder.iterdir())) == kept


def test_uploads_have_limits_of_bytes_and_of_pixels(client):
    data = b"x" * 300_000
    answer = client.post("/api/photos?name=a.png", content=data)
    assert answer.status_code == 413
    answer = client.post("/api/photos?name=a.png", content=(data[i : i + 50_000] for i in range(0, len(data), 50_000)))
    assert answer.status_code == 413, "no length was told"
    answer = client.post("/api/photos?name=a.png", content=encoded(Image.new("L", (400, 400))))
    assert answer.status_code == 400
    assert "megapixels" in answer.json()["error"]
    assert client.post("/api/jobs", content=b" " * 100_000).status_code == 413


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"photo": "nothing"}, "not here"), ({"photo": ["x"]}, "not here"), ({"method": "system:telly"}, "does not do"),
        ({"task": "generate"}, "does not do"), ({"task": {}}, "does not do"), ({"hole": "x"}, "hole is not here"),
        ({"samples": 0}, "samples is"), ({"samples": 10**9}, "samples is"), ({"samples": True}, "samples is"),
        ({"realism": 2}, "realism is"), ({"seed": -1}, "seed is"), ({"levels": {"sigma": "x"}}, "sigma is"),
        ({"levels": [1]}, "levels are"), ({"method": "../../etc/passwd"}, "does not do"),
    ],
)  # fmt: skip
def test_an_order_that_makes_no_sense_is_refused(client, values, says):
    photo = upload(client, encoded(picture()))
    answer = ordered(client, photo, box_mask(), **values)
    assert answer.status_code in (400, 404)
    assert says in answer.json()["error"]


def test_an_order_that_is_no_order_is_refused(client):
    for body in (b"", b"[]", b"{", b"[" * 60_000, b"\xff"):
        assert client.post("/api/jobs", content=body).status_code == 400


# What is done.


def test_a_hole_is_filled_and_all_else_comes_back_as_it_was_at_16_bits_and_with_its_transparency(client):
    import imagecodecs

    values = np.random.default_rng(0).integers(0, 65536, (32, 40, 4), np.uint16)
    photo = upload(client, bytes(imagecodecs.png_encode(values)), "deep.png")
    assert "16 bits" in photo["about"]
    job = ordered(client, photo, box_mask()).json()["id"]
    told = ended(client, job)
    assert told["state"] == "done", told
    assert told["results"] == [{"name": "deep_restored.png"}]
    answer = client.get(f"/api/jobs/{job}/0/file")
    assert 'filename="deep_restored.png"' in answer.headers["content-disposition"]
    found = imagecodecs.png_decode(answer.content)
    hole = np.zeros((32, 40), bool)
    hole[8:18, 8:20] = True
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found[~hole], values[~hole])
    assert (found[hole][:, :3] != values[hole][:, :3]).any()
    assert decode_image(client.get(f"/api/jobs/{job}/0/picture").content, "x").shape == (32, 40, 3)


def test_a_result_is_gone_on_from(client):
    photo = upload(client, encoded(picture(), "JPEG", quality=95), "a b.jpg")
    job = ordered(client, photo, box_mask()).json()["id"]
    assert ended(client, job)["state"] == "done"
    onward = client.post(f"/api/jobs/{job}/0/photo").json()
    assert onward["name"] == "a b_restored.jpg"
    assert client.get(f"/api/photos/{onward['id']}/picture").status_code == 200
    assert client.get(f"/api/jobs/{job}/1/file").status_code == 404
    assert client.get(f"/api/jobs/{job}/invention").status_code == 404


def test_samples_differ_and_their_map_says_where(tmp_path):
    (tmp_path / "file.png").write_bytes(encoded(picture()))
    photo, hole = read_photo(tmp_path / "file.png"), np.zeros((32, 40, 1), np.float32)
    hole[8:18, 8:20] = 1
    order = Order(tmp_path / "file.png", "a.b.png", tmp_path, "inpaint", "system:completion", samples=2)
    told, notes = [], []

    def photograph(n, observe):
        observe(1, 2)
        return np.where(hole > 0, np.uint8(100 + 20 * n), photo.native.pixels)

    results, map = worker.drawn(order, photo, hole, 2, lambda image: image, photograph, told.append, notes)
    assert [result.name for result in results] == ["a.b_restored_1.png", "a.b_restored_2.png"]
    assert [read_image(result.file)[10, 10, 0] for result in results] == [100, 120]
    assert [progress.share for progress in told] == [0, 0.25, 0.5, 0.75]
    opacity = np.asarray(Image.open(map))[..., 3]
    np.testing.assert_array_equal(opacity > 0, hole[..., 0] > 0)


def test_the_map_is_clear_where_samples_agree_and_red_where_they_differ_much():
    assert several.laid_over(np.zeros((1, 1)))[0, 0, 3] == 0
    assert several.laid_over(np.full((1, 1), 99.0))[0, 0].tolist() == [235, 60, 30, 220]


def test_other_damage_is_undone_too(client):
    photo = upload(client, encoded(picture(), "JPEG", quality=20), "strong.jpg")
    job = ordered(client, photo, task="jpeg", method="system:bilateral").json()["id"]
    told = ended(client, job)
    assert told["state"] == "done", told
    assert any("quality 20" in note for note in told["notes"])
    photo = upload(client, encoded(picture()), "small.png")
    job = ordered(client, photo, task="superres", method="system:upscale_lanczos").json()["id"]
    assert ended(client, job)["state"] == "done"
    assert decode_image(client.get(f"/api/jobs/{job}/0/file").content, "x").shape == (128, 160, 3)


def test_what_fails_says_why_in_the_users_words(client):
    photo = upload(client, encoded(picture()), "holiday.png")
    told = ended(client, ordered(client, photo, encoded(Image.new("L", (40, 32)))).json()["id"])
    assert told["state"] == "failed"
    assert "hole is empty" in told["error"]
    told = ended(client, ordered(client, photo, task="jpeg", method="system:bilateral").json()["id"])
    assert "not known" in told["error"]


def test_a_mask_of_another_size_is_refused_and_what_is_transparent_is_a_hole(client):
    photo = upload(client, encoded(picture(mode="RGBA")))
    assert photo["transparent"]
    answer = client.post(f"/api/holes?photo={photo['id']}", content=box_mask((20, 20)))
    assert answer.status_code == 400
    assert "20x20" in answer.json()["error"]
    answer = client.post(f"/api/photos/{photo['id']}/hole")
    hole = np.asarray(Image.open(io.BytesIO(client.get(f"/api/holes/{answer.json()['id']}/picture").content)))
    assert set(np.unique(hole)) == {0, 255}
    opaque = upload(client, encoded(picture()))
    assert client.post(f"/api/photos/{opaque['id']}/hole").status_code == 400
    kept = client.post(f"/api/holes?photo={opaque['id']}&polarity=white-keep", content=box_mask()).json()
    hole = np.asarray(Image.open(io.BytesIO(client.get(f"/api/holes/{kept['id']}/picture").content)))
    assert hole[0, 0] == 255
    assert hole[10, 10] == 0


def test_two_clients_share_the_queue_and_nothing_else(client):
    answers = {}

    def visit(seed):
        photo = upload(client, encoded(picture(seed=seed)), f"{seed}.png")
        job = ordered(client, photo, box_mask()).json()["id"]
        answers[seed] = ended(client, job), client.get(f"/api/jobs/{job}/0/file").content

    visits = [threading.Thread(target=visit, args=(seed,)) for seed in (1, 2)]
    for each in visits:
        each.start()
    for each in visits:
        each.join()
    for seed in (1, 2):
        told, data = answers[seed]
        assert told["results"] == [{"name": f"{seed}_restored.png"}]
        found, own = decode_image(data, "x"), np.asarray(picture(seed=seed))
        np.testing.assert_array_equal(found[:8], own[:8])


def test_a_job_that_runs_is_cancelled_and_the_next_one_is_done(client):
    photo = upload(client, encoded(picture((160, 120))))
    big = box_mask((160, 120), (10, 10, 150, 110))
    slow = [ordered(client, photo, big, method="system:completion", samples=16).json()["id"] for _ in range(2)]
    quick = ordered(client, photo, box_mask((160, 120))).json()["id"]
    while client.get(f"/api/jobs/{slow[0]}").json()["state"] == "waiting":
        time.sleep(0.02)
    waiting = client.get(f"/api/jobs/{slow[1]}").json()
    assert (waiting["state"], waiting["before"]) == ("waiting", 1)
    assert client.get(f"/api/jobs/{quick}").json()["before"] == 2
    assert ordered(client, photo, box_mask((160, 120))).status_code == 200
    full = ordered(client, photo, box_mask((160, 120)))
    assert full.status_code == 429
    for job in slow:
        assert client.delete(f"/api/jobs/{job}").status_code == 200
    assert client.get(f"/api/jobs/{slow[1]}").json()["state"] == "cancelled"
    assert ended(client, slow[0], 10)["state"] == "cancelled"
    assert client.get(f"/api/jobs/{slow[0]}/0/file").status_code == 404
    assert ended(client, quick)["state"] == "done"


def test_old_photographs_are_forgotten(client):
    first = upload(client, encoded(picture()))
    for _ in range(LIMITS.photos):
        upload(client, encoded(picture()))
    assert client.get(f"/api/photos/{first['id']}/picture").status_code == 404


# What ends unexpectedly.


def test_a_process_that_dies_ends_its_job_alone(client):
    queue = client.app.state.queue
    photo = upload(client, encoded(picture()))
    assert ended(client, ordered(client, photo, box_mask()).json()["id"])["state"] == "done"
    for child in multiprocessing.active_children():
        child.kill()
    told = ended(client, ordered(client, photo, box_mask()).json()["id"])
    assert (told["state"], told["error"]) == ("failed", jobs.DIED)
    assert ended(client, ordered(client, photo, box_mask()).json()["id"])["state"] == "done"
    assert isinstance(queue.methods, list)


def test_where_nothing_can_be_restored_whoever_asks_is_told(client, monkeypatch, tmp_path):
    with pytest.raises(ValueError, match="holds no run"):
        list(worker.methods([str(tmp_path / "nothing")]))
    photo = upload(client, encoded(picture()))
    monkeypatch.setattr(client.app.state.queue, "methods", Failed("nothing is there"))
    assert client.get("/api/methods").json() == {"error": "nothing is there"}
    job = client.app.state.queue.submit(Order(tmp_path, "", tmp_path, "inpaint", "x"))
    assert (job.state, job.answer) == (jobs.FAILED, Failed("nothing is there"))
    assert ordered(client, photo, box_mask()).status_code == 500
