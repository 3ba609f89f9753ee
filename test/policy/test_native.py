# SPDX-License-Identifier: Apache-2.0
"""Pins the native policy: units, names and provenance of a chunk, seeded noise, and what it refuses."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from molmoact2_ros.model.checkpoint import load_model
from molmoact2_ros.model.decoding import DecodingError
from molmoact2_ros.policy import depth_reasoner
from molmoact2_ros.policy.depth_reasoner import DepthReasoner
from molmoact2_ros.policy.native import NativePolicy
from molmoact2_ros.policy.policy import CellFacts, Policy, PolicyError, PolicyObservation
from molmoact2_ros.policy.rtc import RealTimeChunking
from molmoact2_ros.processing.errors import ProcessingError
from molmoact2_ros.processing.fast_tokenizer import FastTokenizer
from molmoact2_ros.processing.processor import Processor

TINY = Path(__file__).parents[1] / "data" / "parity" / "tiny_base"
THINK = TINY.parent / "tiny_think"
GOLDEN = TINY.parent / "goldens" / "droid.npz"


def _policy(norm_tag: str = "franka_droid", num_cameras: int = 2, **options: object) -> NativePolicy:
    return NativePolicy.load(TINY, norm_tag, num_cameras=num_cameras, **{"seed": 0, **options})


def _observation(num_cameras: int = 2, instruction: str = "pick up the cube") -> PolicyObservation:
    random = np.random.default_rng(0)
    images = tuple(random.integers(0, 256, (48, 64, 3), np.uint8) for _ in range(num_cameras))
    return PolicyObservation(images, random.uniform(-1, 1, 8), instruction)


def test_a_chunk_carries_names_units_and_provenance() -> None:
    policy: Policy = _policy(model_id="tiny@1")
    chunk = policy.infer(_observation())
    assert chunk.actions.shape == (15, 8)
    assert chunk.actions.dtype == np.float32
    assert chunk.names == policy.spec.action_names
    assert (chunk.norm_tag, chunk.model_id, chunk.instruction) == ("franka_droid", "tiny@1", "pick up the cube")
    assert chunk.timing.processing_ms > 0
    assert chunk.timing.inference_ms > 0


def test_a_chunk_is_the_seeds_noise_carried_along_the_flow_and_decoded() -> None:
    observation, model, processor = _observation(), load_model(TINY), Processor.load(TINY)
    inputs = processor.encode(observation.images, observation.instruction, observation.state, "franka_droid")
    noise = model.draw_noise(1, 15, torch.Generator().manual_seed(5))
    with torch.inference_mode():
        visual = model.encode_images(torch.from_numpy(inputs.pixel_values), torch.from_numpy(inputs.pooling_index))
        context = model.project_context(model.prefill(torch.from_numpy(inputs.input_ids)[None], visual))
        expected = processor.decode(model.integrate_flow(noise, context, 8)[0].numpy(), "franka_droid")
    np.testing.assert_array_equal(_policy(seed=5).infer(observation).actions, expected)


def test_the_model_is_named_after_its_folder_by_default() -> None:
    assert _policy().spec.model_id == "tiny_base"


def test_equal_seeds_give_equal_chunks_and_further_calls_other_ones() -> None:
    first, second = _policy(seed=3), _policy(seed=3)
    chunk = first.infer(_observation()).actions
    assert np.array_equal(chunk, second.infer(_observation()).actions)
    assert not np.array_equal(chunk, first.infer(_observation()).actions)


def test_policies_without_a_seed_differ() -> None:
    chunks = [_policy(seed=None).infer(_observation()).actions for _ in range(2)]
    assert not np.array_equal(*chunks)


def test_a_chunk_depends_on_images_state_and_instruction() -> None:
    base = _observation()
    others = [
        _observation(instruction="open the drawer"),
        dataclasses.replace(base, state=base.state + 0.1),
        dataclasses.replace(base, images=base.images[::-1]),
    ]
    chunk = _policy().infer(base).actions
    assert all(not np.allclose(chunk, _policy().infer(other).actions, atol=1e-3) for other in others)


def test_no_gradients_are_kept() -> None:
    policy = _policy()
    policy.infer(_observation())
    assert all(parameter.grad is None for parameter in policy._model.parameters())


@pytest.mark.parametrize(("norm_tag", "num_cameras"), [("yam_dual_molmoact2", 3), ("so100_so101_molmoact2", 1)])
def test_warm_up_fits_every_robot(norm_tag: str, num_cameras: int) -> None:
    assert _policy(norm_tag, num_cameras).warm_up().inference_ms > 0


def test_bfloat16_gives_float32_actions_of_its_own() -> None:
    policy = _policy(dtype="bfloat16")
    chunk = policy.infer(_observation()).actions
    assert chunk.dtype == np.float32
    assert np.array_equal(chunk, _policy(dtype="bfloat16").infer(_observation()).actions)
    assert np.abs(chunk - _policy().infer(_observation()).actions).max() > 0


def test_the_wrong_number_of_images_is_refused() -> None:
    with pytest.raises(PolicyError, match="set up for 2 images per observation, but 3 came"):
        _policy().infer(_observation(num_cameras=3))


def test_an_unknown_norm_tag_lists_the_known_ones_before_weights_are_read(tmp_path: Path) -> None:
    for path in TINY.glob("*.json"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    with pytest.raises(ProcessingError, match="no norm tag 'kuka'; choose one of franka_droid"):
        NativePolicy.load(tmp_path, "kuka", num_cameras=2)


def test_an_unknown_dtype_is_refused() -> None:
    with pytest.raises(PolicyError, match="dtype is 'int4', but must be one of float32, bfloat16"):
        _policy(dtype="int4")


def test_a_policy_without_cameras_is_refused() -> None:
    with pytest.raises(PolicyError, match="at least 1 camera, but 0 were given"):
        _policy(num_cameras=0)


def test_a_processor_of_another_image_size_is_refused() -> None:
    policy, processor = _policy(), Processor.load(TINY)
    other = dataclasses.replace(processor, images=dataclasses.replace(processor.images, image_size=(84, 84)))
    with pytest.raises(PolicyError, match=r"makes images of \(84, 84\), but the network takes \(70, 70\)"):
        NativePolicy(policy._model, other, "franka_droid", num_cameras=2, model_id="x")


def _token_policy(monkeypatch: pytest.MonkeyPatch, answer: list[int]) -> tuple[NativePolicy, FastTokenizer]:
    """A policy whose network answers with these action tokens, whatever it sees."""
    policy = _policy()
    chunks = np.random.default_rng(0).uniform(-1, 1, (50, 15, 8)).cumsum(1) / 15
    tokenizer = FastTokenizer.fit(list(chunks), vocab_size=300, scale=1)
    monkeypatch.setattr("molmoact2_ros.policy.native.generate", lambda *_: answer)
    spec = policy.spec
    joined = NativePolicy(
        policy._model, Processor.load(TINY), spec.norm_tag, num_cameras=2, model_id="x", action_tokenizer=tokenizer
    )
    return joined, tokenizer


def test_action_tokens_are_decoded_to_a_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    policy, tokenizer = _token_policy(monkeypatch, [])
    ids = tokenizer.encode(np.full((15, 8), 0.3, np.float32))
    assert max(ids) < 64, "the tiny checkpoint has 64 action tokens"
    monkeypatch.setattr("molmoact2_ros.policy.native.generate", lambda *_: [648, *(650 + i for i in ids), 649, 2])
    expected = Processor.load(TINY).decode(tokenizer.decode(ids, 15, 8), "franka_droid")
    assert np.array_equal(policy.infer(_observation()).actions, expected)


def test_an_answer_without_actions_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    policy, _ = _token_policy(monkeypatch, [648, 649, 2])
    with pytest.raises(DecodingError, match="no action token"):
        policy.infer(_observation())


STEP_NS = 66_666_667


def _rtc(delay_steps: int = 3) -> tuple[NativePolicy, list[int]]:
    """Return a policy whose calls take `delay_steps`, and the clock it reads."""
    now_ns = [0]
    rtc = RealTimeChunking(STEP_NS * 1e-9, clock=lambda: now_ns[0] + delay_steps * STEP_NS)
    return _policy(rtc=rtc), now_ns


def test_a_guided_chunk_continues_the_one_before_in_the_rows_of_the_delay() -> None:
    policy, now_ns = _rtc()
    plain, chunks, shift = _policy(), [], 4
    for call in range(3):
        now_ns[0] = 1_000_000_000 + call * shift * STEP_NS
        observation = dataclasses.replace(_observation(), stamp_ns=now_ns[0])
        chunks.append((policy.infer(observation).actions, plain.infer(observation).actions))
    np.testing.assert_array_equal(*chunks[0])  # nothing to continue yet: the plain flow, bit by bit
    (before, _), (guided, unguided) = chunks[1:]
    prefix = before[shift : shift + 3]
    assert np.abs(guided[:3] - prefix).max() < 0.05 * np.abs(unguided[:3] - prefix).max()


def test_an_observation_without_a_stamp_neither_continues_nor_is_continued() -> None:
    (policy, _), plain = _rtc(), _policy()
    for _ in range(2):
        np.testing.assert_array_equal(policy.infer(_observation()).actions, plain.infer(_observation()).actions)


def test_action_tokens_cannot_continue_a_chunk() -> None:
    tokenizer = FastTokenizer.__new__(FastTokenizer)
    with pytest.raises(PolicyError, match="action tokens cannot continue a chunk"):
        NativePolicy(
            load_model(TINY),
            Processor.load(TINY),
            "franka_droid",
            num_cameras=2,
            model_id="tiny",
            action_tokenizer=tokenizer,
            rtc=RealTimeChunking(0.1),
        )


def _thinking(every: int, monkeypatch: pytest.MonkeyPatch) -> NativePolicy:
    """A random checkpoint writes maps that do not end: let the closing token win."""
    model, processor = load_model(THINK), Processor.load(THINK)
    end = model.config.depth.end

    def close(step: int, logits: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.one_hot(torch.tensor([end]), logits.shape[-1])

    real = depth_reasoner.read_depth
    monkeypatch.setattr(
        depth_reasoner, "read_depth", lambda *inputs, **options: real(*inputs, closing_hook=close, **options)
    )
    return NativePolicy(
        model,
        processor,
        "franka_droid",
        num_cameras=2,
        model_id="think",
        seed=0,
        depth=DepthReasoner(model, every),
    )


def _seen(sequence: int, unchanged_since: int) -> PolicyObservation:
    facts = CellFacts(1, sequence, np.full(16, unchanged_since, np.uint64))
    return dataclasses.replace(_observation(), cells=facts)


def test_a_depth_map_precedes_the_chunk_and_its_cost_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = _thinking(1, monkeypatch)
    first, second = policy.infer(_seen(1, 0)).depth, policy.infer(_seen(2, 1)).depth
    assert (first.codes.shape, first.decoded.all(), first.forwards) == ((4, 4), True, 17)
    assert (second.decoded.any(), second.forwards) == (False, 1)
    assert (second.codes == first.codes).all()
    assert 0 < second.decoding_ms < 1e4


def test_codes_that_do_not_stand_are_guesses_that_are_verified(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = _thinking(1, monkeypatch)
    first, again = policy.infer(_observation()).depth, policy.infer(_observation()).depth
    assert (again.codes == first.codes).all()
    assert (again.decoded.all(), again.forwards) == (True, 1)


def test_every_second_inference_reasons_in_depth_after_a_warm_up_that_does_not_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    policy = _thinking(2, monkeypatch)
    policy.warm_up()
    assert [policy.infer(_observation()).depth is not None for _ in range(4)] == [True, False, True, False]


def test_depth_on_demand_waits_to_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = _thinking(0, monkeypatch)
    assert policy.infer(_observation()).depth is None
    policy.ask_for_depth()
    assert policy.infer(_observation()).depth is not None


def test_the_depth_map_changes_what_the_actions_are(monkeypatch: pytest.MonkeyPatch) -> None:
    with_map, without = (_thinking(every, monkeypatch).infer(_observation()).actions for every in (1, 0))
    assert np.abs(with_map - without).max() > 1e-3


def test_depth_of_a_checkpoint_without_it_is_refused_before_the_weights_are_read() -> None:
    with pytest.raises(PolicyError, match="the checkpoint has no depth tokens: set enable_depth to false"):
        _policy(depth_every=1)


def test_asking_a_policy_without_depth_for_depth_is_refused() -> None:
    with pytest.raises(PolicyError, match="depth reasoning is off: configure the policy with enable_depth"):
        _policy().ask_for_depth()
