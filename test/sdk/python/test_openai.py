"""The openai package against a running gateway, by base URL alone."""

import asyncio
import base64
import os
import unittest
from unittest import mock

import openai

from support import FLASH, FLASH_KEY, KEY, PNG, POOR_KEY, PRO, URL, behave, misbehave, size_of, upstream_calls


def client(**options):
    return openai.OpenAI(**{"api_key": KEY, "base_url": f"{URL}/v1", "max_retries": 0, **options})


def impatient(seen, **options):
    """The client as it comes, retries and all, but for the waiting: what it was answered is in `seen`."""

    def hurry(response):
        seen.append((response.status_code, response.headers.get("x-should-retry")))
        response.headers["retry-after-ms"] = "1"

    network = openai.DefaultHttpxClient(event_hooks={"response": [hurry]})
    return openai.OpenAI(**{"api_key": KEY, "base_url": f"{URL}/v1", "http_client": network, **options})


def drawn(reply):
    return [base64.b64decode(one.b64_json, validate=True) for one in reply.data]


def sizes(**params):
    return [size_of(picture) for picture in drawn(client().images.generate(**params))]


class Pictures(unittest.TestCase):
    def test_models_are_listed_and_found(self):
        self.assertEqual([model.id for model in client().models.list()], [FLASH, PRO, "auto"])
        self.assertEqual(client().models.retrieve("google/gemini-3-pro-image-preview").id, PRO)

    def test_a_prompt_alone_is_a_whole_reply(self):
        reply = client().images.generate(prompt="a fox")
        self.assertEqual([size_of(picture) for picture in drawn(reply)], ["1024x1024"])
        self.assertEqual((reply.size, reply.background), ("1024x1024", "opaque"))
        self.assertEqual(reply.usage.total_tokens, reply.usage.input_tokens + reply.usage.output_tokens)
        self.assertRegex(reply._request_id, r"^req_[0-9a-f]{32}$")

    def test_sizes_and_qualities_are_drawn_as_asked(self):
        for params, size in [
            ({"size": "1536x1024"}, "1264x848"),
            ({"size": "1024x1792"}, "768x1376"),
            ({"size": "auto", "quality": "low"}, "512x512"),
            ({"quality": "high"}, "2048x2048"),
            ({"model": "gpt-image-1", "size": "512x512"}, "512x512"),
            ({"model": PRO, "quality": "low"}, "1024x1024"),
        ]:
            with self.subTest(params):
                self.assertEqual(sizes(prompt="a size", **params), [size])

    def test_a_format_asked_for_is_the_one_that_comes(self):
        for output_format, start in [("png", b"\x89PNG"), ("jpeg", b"\xff\xd8"), ("webp", b"RIFF")]:
            with self.subTest(output_format):
                reply = client().images.generate(prompt="a format", output_format=output_format, size="512x512")
                self.assertEqual(reply.output_format, output_format)
                self.assertTrue(drawn(reply)[0].startswith(start))

    def test_a_stream_is_drafts_and_the_picture(self):
        ask = {"prompt": "a stream", "size": "512x512", "stream": True, "partial_images": 2}
        events = list(client().images.generate(**ask))
        partial, completed = "image_generation.partial_image", "image_generation.completed"
        self.assertEqual([event.type for event in events], [partial, partial, completed])
        for event in events:
            self.assertEqual(size_of(base64.b64decode(event.b64_json, validate=True)), "512x512")
        self.assertEqual(events[-1].output_format, "jpeg")
        self.assertGreater(events[-1].usage.total_tokens, 747)

    def test_a_stream_that_breaks_raises(self):
        misbehave("stream-error", times=1)
        with self.assertRaises(openai.APIError) as caught:
            for event in client().images.generate(prompt="breaks", stream=True, partial_images=2):
                self.assertEqual(event.type, "image_generation.partial_image")
        self.assertIn("broke off", str(caught.exception))

    def test_three_pictures_are_three_and_come_again_by_their_seed(self):
        ask = {"prompt": "three", "n": 3, "size": "512x512", "extra_body": {"seed": 5}}
        before = upstream_calls()
        first = drawn(client().images.generate(**ask))
        self.assertEqual(len(set(first)), 3)
        self.assertEqual(drawn(client().images.generate(**ask)), first)
        self.assertEqual(upstream_calls(), before + 3)

    def test_extra_body_reaches_every_tier_and_ratio_in_every_spelling(self):
        for tier, ratio, size in [("512", "8:1", "1536x192"), ("1K", "21:9", "1584x672"), ("2K", "4:5", "1856x2304")]:
            wide = {"aspect_ratio": ratio, "image_size": tier}
            for extra_body in [
                wide,
                {"image_config": wide},
                {"google": {"image_config": wide}},
                {"extra_body": {"google": {"image_config": wide}}},
            ]:
                with self.subTest(extra_body):
                    self.assertEqual(sizes(prompt="spelt", extra_body={"seed": 3, **extra_body}), [size])
        self.assertEqual(sizes(prompt="four", extra_body={"google": {"image_size": "4K"}}), ["4096x4096"])

    def test_a_default_header_consents_to_an_older_answer(self):
        images = client(default_headers={"Cache-Control": "max-age=3600"}).images
        first = images.generate(prompt="by header")
        again = images.with_raw_response.generate(prompt="by header")
        self.assertRegex(again.headers["cache-status"], r"^Plantain; hit")
        self.assertEqual(again.parse().data, first.data)

    def test_the_asynchronous_client_draws_too(self):
        async def both():
            async with openai.AsyncOpenAI(api_key=KEY, base_url=f"{URL}/v1", max_retries=0) as there:
                ask = [there.images.generate(prompt=f"async {one}", size="512x512") for one in range(2)]
                return await asyncio.gather(*ask)

        for reply in asyncio.run(both()):
            self.assertEqual(size_of(drawn(reply)[0]), "512x512")


class Responses(unittest.TestCase):
    def ask(self, input, tool=None, **params):
        tools = [{"type": "image_generation", "size": "512x512", **(tool or {})}]
        return client().responses.create(model="nano-banana-2", input=input, tools=tools, **params)

    def pictures(self, response):
        calls = [item for item in response.output if item.type == "image_generation_call"]
        return [base64.b64decode(call.result, validate=True) for call in calls]

    def test_a_prompt_is_text_and_picture(self):
        response = self.ask("a fox", {"output_format": "png"}, metadata={"job": "7"})
        self.assertEqual([size_of(picture) for picture in self.pictures(response)], ["512x512"])
        self.assertIn("a fox", response.output_text)
        self.assertEqual((response.status, response.metadata), ("completed", {"job": "7"}))
        self.assertEqual(response.output[-1].output_format, "png")
        self.assertEqual(response.usage.total_tokens, response.usage.input_tokens + response.usage.output_tokens)

    def test_an_answer_goes_back_and_is_changed(self):
        talk = [{"role": "user", "content": "a fox"}]
        for wish in ("bluer", "at night"):
            raw = client().responses.with_raw_response.create(
                model="nano-banana-2", input=talk, extra_body={"image_size": "512"}
            )
            self.assertNotIn("x-plantain-warning", raw.headers)
            output = [item.to_dict() for item in raw.parse().output]
            talk += output + [{"role": "user", "content": wish}]
        self.assertEqual(len(self.pictures(self.ask(talk))), 1)

    def test_a_stream_is_drafts_and_the_whole_response(self):
        events = list(self.ask("a stream", {"partial_images": 2}, stream=True))
        self.assertEqual([event.sequence_number for event in events], list(range(len(events))))
        drafts = [event for event in events if event.type == "response.image_generation_call.partial_image"]
        self.assertEqual([draft.partial_image_index for draft in drafts], [0, 1])
        self.assertEqual(events[-1].type, "response.completed")
        self.assertEqual([size_of(picture) for picture in self.pictures(events[-1].response)], ["512x512"])

    def test_the_helper_puts_a_stream_together(self):
        tools = [{"type": "image_generation", "size": "512x512", "partial_images": 1}]
        with client().responses.stream(model="nano-banana-2", input="helped", tools=tools) as stream:
            text = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
            response = stream.get_final_response()
        self.assertEqual((len(self.pictures(response)), response.output_text), (1, text))

    def test_a_refusal_is_an_answer_and_other_failures_raise(self):
        misbehave("image-safety", times=1)
        self.assertEqual(self.ask("refused").output[0].content[0].type, "refusal")
        misbehave("stream-error", times=1)
        with self.assertRaises(openai.APIError) as caught:
            list(self.ask("breaks", {"partial_images": 2}, stream=True))
        self.assertIn("broke off", str(caught.exception))
        with self.assertRaises(openai.BadRequestError):
            self.ask("more", previous_response_id="resp_1")
        with self.assertRaises(openai.NotFoundError):
            client().responses.create(model="gpt-5", input="a fox")


class Conversations(unittest.TestCase):
    def said(self, messages, **params):
        return client().chat.completions.create(model="nano-banana-2", messages=messages, **params)

    def size_in(self, url):
        return size_of(base64.b64decode(url.partition(",")[2], validate=True))

    def test_an_answer_has_its_picture_beside_its_text(self):
        reply = self.said([{"role": "user", "content": "a fox"}], extra_body={"image_config": {"aspect_ratio": "16:9"}})
        message = reply.choices[0].message
        self.assertIn("a fox", message.content)
        self.assertEqual([self.size_in(one["image_url"]["url"]) for one in message.images], ["1376x768"])
        self.assertEqual(reply.usage.total_tokens, reply.usage.prompt_tokens + reply.usage.completion_tokens)

    def test_a_picture_of_the_user_is_seen(self):
        url = "data:image/png;base64," + base64.b64encode(PNG).decode()
        content = [{"type": "text", "text": "bluer"}, {"type": "image_url", "image_url": {"url": url}}]
        reply = self.said([{"role": "user", "content": content}])
        self.assertGreater(reply.usage.prompt_tokens, 200)

    def test_a_refusal_is_an_answer(self):
        misbehave("image-safety")
        self.addCleanup(behave)
        choice = self.said([{"role": "user", "content": "refused"}]).choices[0]
        self.assertEqual(choice.finish_reason, "content_filter")
        self.assertIn("blocked", choice.message.refusal)

    def test_an_address_of_a_picture_is_a_bad_request_that_names_it(self):
        content = [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]
        with self.assertRaises(openai.BadRequestError) as caught:
            self.said([{"role": "user", "content": content}])
        self.assertEqual(caught.exception.param, "messages[0].content[0].image_url.url")


class BaseUrls(unittest.TestCase):
    def test_with_and_without_version_and_slash_it_is_good(self):
        for path in ["", "/", "/v1", "/v1/", "/v1beta/openai", "/v1beta/openai/"]:
            with self.subTest(path):
                there = client(base_url=URL + path)
                self.assertEqual(len(there.models.list().data), 3)
                self.assertEqual(len(there.images.generate(prompt="where", size="512x512").data), 1)

    def test_one_too_long_is_a_not_found_error_that_prints_the_right_one(self):
        with self.assertRaisesRegex(openai.NotFoundError, r"/v1/images/generations\?"):
            client(base_url=f"{URL}/v1/v1").images.generate(prompt="where")

    def test_the_environment_is_enough(self):
        with mock.patch.dict(os.environ, {"OPENAI_BASE_URL": f"{URL}/v1", "OPENAI_API_KEY": KEY}):
            self.assertEqual(len(openai.OpenAI().images.generate(prompt="environment").data), 1)

    def test_one_good_key_of_two_is_enough(self):
        for key, headers in [(KEY, {"x-goog-api-key": "not-a-key"}), ("not-needed", {"x-api-key": KEY})]:
            with self.subTest(headers):
                self.assertEqual(len(client(api_key=key, default_headers=headers).models.list().data), 3)


class Errors(unittest.TestCase):
    def tearDown(self):
        behave()

    def failure(self, kind, *, status, code, requests=1, calls=0, api_key=KEY, **params):
        """The error of one call through the client as it comes: of this class, after so many requests and calls."""
        seen, before = [], upstream_calls()
        with self.assertRaises(kind) as caught:
            impatient(seen, api_key=api_key).images.generate(**{"prompt": "x", **params})
        error = caught.exception
        self.assertEqual((error.status_code, error.code), (status, code))
        self.assertRegex(error.request_id, r"^req_")
        self.assertEqual(seen, [(status, "true" if requests > 1 else "false")] * requests)
        self.assertEqual(upstream_calls() - before, calls)
        return error

    def test_a_bad_request_names_its_field(self):
        for params, param, code in [
            ({"n": "2"}, "n", "invalid_value"),
            ({"n": 11}, "n", "invalid_value"),
            ({"size": "banana"}, "size", "invalid_value"),
            ({"background": "transparent"}, "background", "unsupported_value"),
            ({"model": PRO, "extra_body": {"image_size": "512"}}, "image_size", "unsupported_value"),
        ]:
            with self.subTest(params):
                error = self.failure(openai.BadRequestError, status=400, code=code, **params)
                self.assertEqual((error.param, error.type), (param, "invalid_request_error"))

    def test_a_wrong_key_is_an_authentication_error(self):
        self.failure(openai.AuthenticationError, status=401, code="invalid_api_key", api_key="sk-wrong")

    def test_a_model_the_tenant_has_not_is_a_permission_denied_error(self):
        self.failure(openai.PermissionDeniedError, status=403, code="model_not_allowed", api_key=FLASH_KEY, model=PRO)

    def test_an_unknown_model_is_a_not_found_error_with_the_nearest_names(self):
        error = self.failure(openai.NotFoundError, status=404, code="model_not_found", model="gemini-3.1-flash-imag")
        self.assertIn(FLASH, error.message)

    def test_a_file_is_sent_listed_used_and_deleted(self):
        sent = client().files.create(file=("fox.png", PNG), purpose="vision")
        self.assertEqual((sent.object, sent.bytes, sent.purpose, sent.filename), ("file", len(PNG), "vision", "fox.png"))
        self.assertIn(sent.id, [file.id for file in client().files.list()])
        self.assertEqual(client().files.retrieve(sent.id).id, sent.id)
        self.assertEqual(client().files.content(sent.id).read(), PNG)
        before = upstream_calls()
        extra = {"images": [{"file_id": sent.id}], "prompt": "a hat", "seed": 7, "image_size": "512"}
        edit = client().post("/images/edits", body=extra, cast_to=object)
        self.assertEqual((len(edit["data"]), upstream_calls()), (1, before + 1))
        self.assertTrue(client().files.delete(sent.id).deleted)
        with self.assertRaises(openai.NotFoundError):
            client().files.retrieve(sent.id)

    def test_what_is_not_served_yet_is_a_not_found_error(self):
        for call in [
            lambda: client().responses.retrieve("resp_1"),
            lambda: client().batches.list(),
        ]:
            with self.assertRaises(openai.NotFoundError) as caught:
                call()
            self.assertEqual(caught.exception.code, "not_served")

    def test_a_body_over_the_limit_is_a_413(self):
        error = self.failure(openai.APIStatusError, status=413, code="request_too_large", user="u" * 1_200_000)
        self.assertIn("1 MiB", error.message)

    def test_an_exhausted_budget_is_a_rate_limit_error_and_is_not_asked_again(self):
        error = self.failure(openai.RateLimitError, status=429, code="insufficient_quota", api_key=POOR_KEY)
        self.assertEqual(error.type, "insufficient_quota")

    def test_what_is_blocked_is_a_bad_request_and_asked_for_once(self):
        for fault, stage in [("blocked-safety", "input"), ("image-safety", "output")]:
            with self.subTest(fault):
                misbehave(fault, times=1)
                error = self.failure(openai.BadRequestError, status=400, code="moderation_blocked", calls=1)
                self.assertEqual(error.body["moderation_details"]["moderation_stage"], stage)

    def test_no_picture_is_an_unprocessable_entity_and_asked_for_once(self):
        misbehave("no-image-text")
        error = self.failure(openai.UnprocessableEntityError, status=422, code="no_image", calls=1)
        self.assertIn("I would rather describe it", error.message)

    def test_what_fails_behind_the_gateway_is_asked_for_again_only_if_it_cost_nothing(self):
        for fault, status, code, calls in [
            ("overloaded", 503, "upstream_capacity", 3),
            ("internal", 502, "upstream_failed", 3),
            ("unauthorized", 503, "upstream_credentials", 3),
            ("daily-quota", 503, "upstream_quota", 1),
            ("hangup", 502, "upstream_failed", 1),
            ("truncate-length", 502, "upstream_failed", 1),
            ("deadline", 504, "upstream_timeout", 1),
        ]:
            with self.subTest(fault):
                misbehave(fault)
                self.failure(openai.InternalServerError, status=status, code=code, requests=calls, calls=calls)
                behave()

    def test_what_passes_is_mended_by_the_client(self):
        misbehave("overloaded", times=2)
        seen = []
        self.assertEqual(len(impatient(seen).images.generate(prompt="mended").data), 1)
        self.assertEqual([status for status, _ in seen], [503, 503, 200])


if __name__ == "__main__":
    unittest.main()
