"""The anthropic package against a running gateway, by base URL alone."""

import base64
import unittest

import anthropic

from support import FLASH, KEY, PNG, POOR_KEY, PRO, URL, behave, misbehave, size_of, upstream_calls


def client(**options):
    return anthropic.Anthropic(**{"api_key": KEY, "base_url": URL, "max_retries": 0, **options})


def asked(content="a fox", **params):
    messages = [{"role": "user", "content": content}]
    return {"model": FLASH, "max_tokens": 1024, "messages": messages, "extra_body": {"image_size": "512"}, **params}


def drawn(message):
    return [base64.b64decode(block.source["data"], validate=True) for block in message.content if block.type == "image"]


class Messages(unittest.TestCase):
    def tearDown(self):
        behave()

    def test_models_are_listed_and_found(self):
        self.assertEqual([model.id for model in client().models.list(limit=1)], [FLASH, PRO, "auto"])
        self.assertEqual(client().models.retrieve("google/gemini-3-pro-image-preview").id, PRO)

    def test_a_message_holds_text_and_a_picture(self):
        extras = {"image_config": {"aspect_ratio": "16:9", "image_size": "2K"}, "seed": 7}
        message = client().messages.create(**asked(extra_body=extras))
        self.assertEqual([size_of(picture) for picture in drawn(message)], ["2752x1536"])
        self.assertEqual((message.model, message.stop_reason), (FLASH, "end_turn"))
        self.assertTrue("".join(block.text for block in message.content if block.type == "text"))
        self.assertRegex(message._request_id, r"^req_[0-9a-f]{32}$")

    def test_a_file_is_sent_listed_used_and_deleted(self):
        files = client().beta.files
        sent = files.upload(file=("fox.png", PNG, "image/png"))
        self.assertEqual((sent.type, sent.mime_type, sent.size_bytes), ("file", "image/png", len(PNG)))
        self.assertIn(sent.id, [file.id for file in files.list()])
        self.assertEqual(files.retrieve_metadata(sent.id).filename, "fox.png")
        self.assertEqual(files.download(sent.id).read(), PNG)
        source = {"type": "file", "file_id": sent.id}
        message = client().messages.create(**asked([{"type": "text", "text": "a hat"}, {"type": "image", "source": source}]))
        self.assertEqual(len(drawn(message)), 1)
        self.assertEqual(files.delete(sent.id).id, sent.id)
        with self.assertRaises(anthropic.NotFoundError):
            files.retrieve_metadata(sent.id)

    def test_a_picture_goes_in(self):
        source = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(drawn_once()).decode()}
        content = [{"type": "image", "source": source}, {"type": "text", "text": "at night"}]
        self.assertEqual(len(drawn(client().messages.create(**asked(content)))), 1)
        counted = client().messages.count_tokens(model=FLASH, messages=[{"role": "user", "content": content}])
        self.assertGreater(counted.input_tokens, 1120)

    def test_a_stream_adds_up_to_the_message(self):
        params = asked(extra_body={"image_size": "512", "seed": 3})
        with client().messages.stream(**params) as stream:
            streamed = stream.get_final_message()
        whole = client().messages.create(**params)
        self.assertEqual(drawn(streamed), drawn(whole))
        self.assertEqual(streamed.usage.output_tokens, whole.usage.output_tokens)

    def test_a_refusal_is_a_message(self):
        misbehave("image-safety")
        message = client().messages.create(**asked())
        self.assertEqual((message.stop_reason, drawn(message)), ("refusal", []))

    def test_failures_have_their_classes(self):
        before = upstream_calls()
        for failure, options, params in [
            (anthropic.AuthenticationError, {"api_key": "sk-ant-wrong"}, {}),
            (anthropic.NotFoundError, {}, {"model": "claude-x"}),
            (anthropic.BadRequestError, {}, {"extra_body": {"image_size": "8K"}}),
            (anthropic.APIStatusError, {"api_key": POOR_KEY}, {}),
        ]:
            with self.subTest(failure.__name__), self.assertRaises(failure) as raised:
                client(**options).messages.create(**asked(**params))
            self.assertEqual(raised.exception.body["type"], "error")
        self.assertEqual(raised.exception.status_code, 402)
        self.assertEqual(upstream_calls(), before)


def drawn_once():
    return drawn(client().messages.create(**asked(extra_body={"image_size": "512", "seed": 1})))[0]


if __name__ == "__main__":
    unittest.main()
