"""The google-genai package against a running gateway, by base URL alone."""

import asyncio
import io
import os
import unittest
from unittest import mock

from google import genai
from google.genai import errors, types

from support import FLASH, FLASH_KEY, KEY, PNG, POOR_KEY, PRO, URL, behave, misbehave, size_of, upstream_calls


def client(base_url=URL, api_key=KEY, **http_options):
    return genai.Client(api_key=api_key, http_options=types.HttpOptions(base_url=base_url, **http_options))


# Kept: a client whose last name is gone closes itself, even under a call of its own.
AI = client()


def generate(contents, model=FLASH, there=AI, **config):
    return there.models.generate_content(
        model=model, contents=contents, config=types.GenerateContentConfig(**config)
    )


def drawn(reply):
    """The pictures of a reply, drafts apart, as the SDK decoded them."""
    parts = reply.candidates[0].content.parts
    return [part.inline_data.data for part in parts if part.inline_data and not part.thought]


def shape(image_size, aspect_ratio="1:1"):
    return types.ImageConfig(image_size=image_size, aspect_ratio=aspect_ratio)


class Pictures(unittest.TestCase):
    def test_models_are_listed_and_found(self):
        self.assertEqual([model.name for model in AI.models.list()], [f"models/{FLASH}", f"models/{PRO}", "models/auto"])
        self.assertEqual(AI.models.get(model="nano-banana-pro").name, f"models/{PRO}")

    def test_a_prompt_alone_is_words_and_a_picture(self):
        reply = generate("a fox")
        self.assertEqual([size_of(picture) for picture in drawn(reply)], ["1024x1024"])
        self.assertTrue("".join(part.text or "" for part in reply.candidates[0].content.parts))
        self.assertEqual(reply.candidates[0].finish_reason, types.FinishReason.STOP)
        self.assertGreater(reply.usage_metadata.total_token_count, 1120)

    def test_a_stream_is_thoughts_drafts_words_and_the_picture(self):
        config = types.GenerateContentConfig(thinking_config=types.ThinkingConfig(include_thoughts=True))
        chunks = list(AI.models.generate_content_stream(model=FLASH, contents="a stream", config=config))
        parts = [part for chunk in chunks for part in chunk.candidates[0].content.parts]
        drafts = [part for part in parts if part.thought and part.inline_data]
        self.assertEqual([size_of(part.inline_data.data) for part in drafts], ["1024x1024"] * 2)
        answered = [part for part in parts if not part.thought]
        pictures = [part.inline_data.data for part in answered if part.inline_data]
        self.assertEqual([size_of(picture) for picture in pictures], ["1024x1024"])
        self.assertTrue(all(part.thought_signature for part in answered))
        self.assertEqual(chunks[-1].candidates[0].finish_reason, types.FinishReason.STOP)
        self.assertGreater(chunks[-1].usage_metadata.total_token_count, 1120)

    def test_every_tier_is_reached(self):
        for tier, side in [("512", 512), ("1K", 1024), ("2K", 2048), ("4K", 4096)]:
            with self.subTest(tier):
                self.assertEqual(size_of(drawn(generate("tiers", image_config=shape(tier)))[0]), f"{side}x{side}")

    def test_ratios_are_reached(self):
        for ratio, size in [("16:9", "688x384"), ("1:8", "192x1536"), ("21:9", "792x336"), ("4:5", "464x576")]:
            with self.subTest(ratio):
                self.assertEqual(size_of(drawn(generate("ratios", image_config=shape("512", ratio)))[0]), size)

    def test_everything_the_sdk_can_say_at_once_reaches_the_vendor(self):
        reply = generate(
            ["draw a cat", types.Part.from_bytes(data=PNG, mime_type="image/png")],
            system_instruction="be nice",
            safety_settings=[types.SafetySetting(category="HARM_CATEGORY_HARASSMENT", threshold="BLOCK_NONE")],
            tools=[
                types.Tool(
                    google_search=types.GoogleSearch(
                        search_types=types.SearchTypes(web_search=types.WebSearch(), image_search=types.ImageSearch())
                    )
                )
            ],
            temperature=0.5,
            top_p=0.9,
            seed=42,
            response_modalities=["Text", "Image"],
            thinking_config=types.ThinkingConfig(thinking_level="high", include_thoughts=True),
            image_config=shape("512", "16:9"),
        )
        self.assertEqual([size_of(picture) for picture in drawn(reply)], ["688x384"])
        self.assertTrue(any(part.thought for part in reply.candidates[0].content.parts))
        self.assertTrue(reply.candidates[0].grounding_metadata.web_search_queries)

    def test_a_reference_picture_costs_its_tokens_and_is_one_request_however_it_is_spelt(self):
        ask = ["a hat", types.Part.from_bytes(data=PNG, mime_type="image/png")]
        first = generate(ask, seed=4, response_modalities=["IMAGE"], image_config=shape("512"))
        modalities = {one.modality: one.token_count for one in first.usage_metadata.prompt_tokens_details}
        self.assertEqual(modalities[types.MediaModality.IMAGE], 1120)
        before = upstream_calls()
        by_dict = [
            {
                "role": "user",
                "parts": [{"text": "a hat"}, {"inline_data": {"mime_type": "image/png", "data": PNG}}],
            }
        ]
        again = generate(by_dict, seed=4, response_modalities=["IMAGE"], image_config=shape("512"))
        self.assertEqual(drawn(again), drawn(first))
        self.assertEqual(upstream_calls(), before)

    def test_a_chat_goes_on_from_its_own_pictures(self):
        chat = AI.chats.create(
            model=FLASH, config=types.GenerateContentConfig(image_config=shape("512"), response_modalities=["IMAGE"])
        )
        for message in ["a fox", "now in snow", "now at night"]:
            self.assertEqual(size_of(drawn(chat.send_message(message))[0]), "512x512")
        history = chat.get_history()
        pictures = [part for turn in history if turn.role == "model" for part in turn.parts if part.inline_data]
        self.assertEqual(len(pictures), 3)
        self.assertTrue(all(part.thought_signature for part in pictures))
        for part in pictures:
            part.thought_signature = None
        # Whoever loses them has them put back.
        self.assertEqual(len(drawn(generate([*history, types.UserContent("and now")]))), 1)

    def test_the_asynchronous_client_draws_too(self):
        async def both():
            ask = [AI.aio.models.generate_content(model=FLASH, contents=f"async {one}") for one in range(2)]
            return await asyncio.gather(*ask)

        for reply in asyncio.run(both()):
            self.assertEqual(size_of(drawn(reply)[0]), "1024x1024")


class BaseUrls(unittest.TestCase):
    def test_every_version_is_good(self):
        for base_url, options in [
            (URL, {}),
            (f"{URL}/", {}),
            (URL, {"api_version": "v1"}),
            (f"{URL}/v1beta", {"api_version": ""}),
        ]:
            with self.subTest(base_url=base_url, options=options):
                self.assertEqual(len(drawn(generate("where", there=client(base_url, **options)))), 1)

    def test_one_too_long_is_a_404_that_prints_the_right_one(self):
        with self.assertRaisesRegex(errors.ClientError, r"Did you mean .*/v1beta/models/[\w.-]+:generateContent\?"):
            generate("where", there=client(f"{URL}/v1"))

    def test_the_environment_is_enough(self):
        there = {"GOOGLE_GEMINI_BASE_URL": URL, "GEMINI_API_KEY": KEY}
        with mock.patch.dict(os.environ, there):
            os.environ.pop("GOOGLE_API_KEY", None)
            self.assertEqual(len(drawn(generate("environment", there=genai.Client()))), 1)

    def test_one_good_key_of_two_is_enough(self):
        for api_key, bearer in [(KEY, "not-a-key"), ("AIza-placeholder", KEY)]:
            with self.subTest(api_key):
                there = client(api_key=api_key, headers={"Authorization": f"Bearer {bearer}"})
                self.assertEqual(len(list(there.models.list())), 3)


class Errors(unittest.TestCase):
    def tearDown(self):
        behave()

    def failure(self, kind, *, code, status, contents="x", calls=0, api_key=KEY, **asked):
        """The error of one call: of this class, with Google's code and status, after so many calls of the vendor."""
        before = upstream_calls()
        with self.assertRaises(kind) as caught:
            generate(contents, there=client(api_key=api_key), **asked)
        error = caught.exception
        self.assertEqual((error.code, error.status), (code, status))
        self.assertEqual(upstream_calls() - before, calls)
        return error

    def test_a_bad_request_names_its_field(self):
        for asked, field in [
            ({"image_config": types.ImageConfig(image_size="banana")}, "imageSize"),
            ({"image_config": types.ImageConfig(aspect_ratio="2:1")}, "aspectRatio"),
            ({"model": PRO, "image_config": types.ImageConfig(image_size="512")}, "imageSize"),
            ({"temperature": 3}, "temperature"),
        ]:
            with self.subTest(field=field):
                error = self.failure(errors.ClientError, code=400, status="INVALID_ARGUMENT", **asked)
                self.assertIn(field, error.message)

    def test_whoever_may_not_is_told_so(self):
        self.failure(errors.ClientError, code=401, status="UNAUTHENTICATED", api_key="AIza-wrong")
        self.failure(errors.ClientError, code=403, status="PERMISSION_DENIED", api_key=FLASH_KEY, model=PRO)

    def test_an_unknown_model_is_a_404_with_the_nearest_names(self):
        error = self.failure(errors.ClientError, code=404, status="NOT_FOUND", model="gemini-3.1-flash-imag")
        self.assertIn(FLASH, error.message)

    def test_a_file_is_sent_listed_used_and_deleted(self):
        config = {"mime_type": "image/png", "display_name": "fox"}
        sent = AI.files.upload(file=io.BytesIO(PNG), config=config)
        self.assertEqual((sent.display_name, sent.mime_type, sent.size_bytes), ("fox", "image/png", len(PNG)))
        self.assertIn(sent.name, [file.name for file in AI.files.list()])
        self.assertEqual(AI.files.get(name=sent.name).uri, sent.uri)
        before = upstream_calls()
        reply = AI.models.generate_content(model=FLASH, contents=["a hat", sent])
        self.assertTrue(any(part.inline_data for part in reply.candidates[0].content.parts))
        self.assertEqual(upstream_calls(), before + 1)
        AI.files.delete(name=sent.name)
        with self.assertRaises(errors.ClientError) as caught:
            AI.files.get(name=sent.name)
        self.assertEqual((caught.exception.code, caught.exception.status), (403, "PERMISSION_DENIED"))

    def test_what_is_not_served_yet_is_a_404(self):
        for call in [
            lambda: AI.batches.create(model=FLASH, src=[{"contents": [{"parts": [{"text": "x"}]}]}]),
            lambda: list(AI.batches.list()),
        ]:
            with self.assertRaises(errors.ClientError) as caught:
                call()
            self.assertEqual((caught.exception.code, caught.exception.status), (404, "NOT_FOUND"))

    def test_a_body_over_the_limit_is_a_413(self):
        self.failure(errors.ClientError, code=413, status="INVALID_ARGUMENT", contents="x" * 1_200_000)

    def test_an_exhausted_budget_is_a_429_and_the_vendor_is_not_asked(self):
        error = self.failure(errors.ClientError, code=429, status="RESOURCE_EXHAUSTED", api_key=POOR_KEY)
        kinds = [one["@type"].rsplit(".", 1)[1] for one in error.details["error"]["details"]]
        self.assertIn("QuotaFailure", kinds)

    def test_what_fails_behind_the_gateway_is_a_server_error_and_asked_for_once(self):
        for fault, code, status in [
            ("overloaded", 503, "UNAVAILABLE"),
            ("internal", 500, "INTERNAL"),
            ("rate-limit", 503, "UNAVAILABLE"),
            ("unauthorized", 503, "UNAVAILABLE"),
            ("hangup", 502, "UNAVAILABLE"),
            ("deadline", 504, "DEADLINE_EXCEEDED"),
        ]:
            with self.subTest(fault):
                misbehave(fault)
                self.failure(errors.ServerError, code=code, status=status, calls=1)
                behave()

    def test_what_is_blocked_or_not_drawn_is_the_vendors_own_200(self):
        misbehave("blocked-safety", times=1)
        blocked = generate("x")
        self.assertEqual(blocked.prompt_feedback.block_reason, types.BlockedReason.SAFETY)
        self.assertIsNone(blocked.candidates)
        for fault, reason in [("image-safety", "IMAGE_SAFETY"), ("no-image", "NO_IMAGE")]:
            with self.subTest(fault):
                misbehave(fault, times=1)
                self.assertEqual(generate("x").candidates[0].finish_reason.value, reason)


if __name__ == "__main__":
    unittest.main()
