# SPDX-License-Identifier: Apache-2.0
"""What is judged of the computer: transport, versions, room, GPU, checkpoint."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from molmoact2_ros.doctor import machine_checks
from molmoact2_ros.doctor.checkpoint_checks import (
    LocalCheckpoint,
    check_checkpoint,
    check_statistics,
    find_checkpoint,
    parameters_of,
)
from molmoact2_ros.doctor.machine_checks import (
    Gpu,
    check_computing,
    check_disk,
    check_priority,
    check_profile,
    check_rmw,
    check_shared_memory,
    may_take_priority,
)
from molmoact2_ros.doctor.versions import check_versions, distro_of
from molmoact2_ros.embodiment import Embodiment, share_folder

SHIPPED = share_folder() / "config" / "fastdds_profile.xml"
VARIABLE = "FASTRTPS_DEFAULT_PROFILES_FILE"
TINY_BASE = Path(__file__).parents[1] / "data" / "parity" / "tiny_base"
DROID = Embodiment.load("droid")
PACKAGES = {"rclpy": "7.1.5", "numpy": "2.4", "torch": "2.13", "ruckig": "0.19", "mujoco": "4.0"}
FULL_HD_BYTES = 1920 * 1080 * 3


def test_the_shipped_profile_carries_the_largest_frames() -> None:
    assert check_profile({VARIABLE: str(SHIPPED)}, SHIPPED, FULL_HD_BYTES).status == "ok"


def test_no_profile_fails_and_the_shipped_one_is_offered() -> None:
    check = check_profile({}, SHIPPED, 0)
    assert check.status == "failed"
    assert f"export {VARIABLE}={SHIPPED}" in check.remedy


def test_a_profile_with_small_or_default_segments_fails(tmp_path: Path) -> None:
    small = tmp_path / "small.xml"
    small.write_text(SHIPPED.read_text().replace("33554432", "2097152"))
    assert check_profile({VARIABLE: str(small)}, SHIPPED, 0).found == f"2.1 MB by {small}"
    small.write_text("<profiles/>")
    assert check_profile({VARIABLE: str(small)}, SHIPPED, 0).found == f"0.5 MB by {small}"


@pytest.mark.parametrize("content", [None, "<profiles>"])
def test_a_profile_that_cannot_be_read_fails(content: str | None, tmp_path: Path) -> None:
    path = tmp_path / "profile.xml"
    if content is not None:
        path.write_text(content)
    assert "cannot be read" in check_profile({VARIABLE: str(path)}, SHIPPED, 0).found


def test_another_middleware_is_a_warning() -> None:
    assert check_rmw("rmw_fastrtps_cpp").status == "ok"
    assert check_rmw("rmw_cyclonedds_cpp").status == "warning"


def test_the_distribution_is_reported_by_rclpy_where_the_environment_does_not() -> None:
    assert [distro_of("", "7.1.5"), distro_of("", "3.3.11"), distro_of("rolling", "7.1"), distro_of("", "")] == [
        "jazzy", "humble", "rolling", "unknown",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("python", "distro", "absent", "statuses"),
    [
        ((3, 12, 3), "jazzy", "", ["ok", "ok", "ok"]),
        ((3, 9, 1), "humble", "", ["warning", "warning", "ok"]),
        ((3, 12, 3), "jazzy", "ruckig", ["ok", "ok", "failed"]),
        ((3, 12, 3), "jazzy", "mujoco", ["ok", "ok", "warning"]),
    ],
)
def test_versions_are_judged(python: tuple[int, ...], distro: str, absent: str, statuses: list[str]) -> None:
    packages = {name: "" if name == absent else version for name, version in PACKAGES.items()}
    assert [check.status for check in check_versions(python, distro, packages)] == statuses


@pytest.mark.parametrize(
    ("gpu", "parameters", "status"),
    [
        (None, 480_000, "ok"),
        (None, 5_400_000_000, "warning"),
        (None, None, "warning"),
        (Gpu("card", 8 * 10**9), 5_400_000_000, "failed"),
        (Gpu("card", 24 * 10**9), 5_400_000_000, "ok"),
        (Gpu("card", 8 * 10**9), None, "ok"),
    ],
)
def test_the_gpu_is_judged_against_the_checkpoint(gpu: Gpu | None, parameters: int | None, status: str) -> None:
    assert check_computing(gpu, parameters).status == status


@pytest.mark.parametrize(("megabytes", "status"), [(1000, "ok"), (200, "warning"), (64, "failed")])
def test_shared_memory_holds_a_segment_of_every_process(megabytes: int, status: str) -> None:
    assert check_shared_memory(megabytes * 10**6, 2).status == status


def test_the_disk_must_hold_what_is_still_to_be_fetched() -> None:
    assert check_disk(Path("/"), 5 * 10**9, to_fetch=False).status == "ok"
    assert "HF_HOME" in check_disk(Path("/"), 5 * 10**9, to_fetch=True).remedy


def test_a_checkpoint_of_this_robot_is_well_and_its_parameters_are_counted() -> None:
    local = find_checkpoint(str(TINY_BASE))
    assert check_checkpoint(DROID, local).status == "ok"
    assert (parameters_of(local) or 0) > 10_000
    assert list(check_statistics(DROID, local)) == []


def test_a_checkpoint_of_another_robot_fails_in_the_handshake_s_words(tmp_path: Path) -> None:
    folder = tmp_path / "other"
    shutil.copytree(TINY_BASE, folder)
    stats = (folder / "norm_stats.json").read_text()
    (folder / "norm_stats.json").write_text(stats.replace("single franka robotic arm in droid", "two arms"))
    check = check_checkpoint(DROID, LocalCheckpoint("other", folder))
    assert check.status == "failed"
    assert "policy.setup" in check.found


def _pointer(folder: Path) -> None:
    (folder / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")


def _empty(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"")


def _truncated(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:-9])


def _wrapped(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    save_file({f"module.{key}": tensor for key, tensor in tensors.items()}, folder / "model.safetensors")


def _edit_config(folder: Path, **changes: object) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **changes}))


def _tokenizer_pointer(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")


def _lerobot(folder: Path) -> None:
    (folder / "policy_preprocessor.json").write_text("{}")


def _huge(folder: Path) -> None:
    (folder / "config.json").write_text((folder / "config.json").read_text().replace("0.001", "9" * 400))


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (_pointer, "git-lfs pointer"),
        (_empty, "model.safetensors is empty"),
        (_truncated, "its header promises"),
        (_wrapped, "DistributedDataParallel"),
        (lambda folder: _edit_config(folder, eos_token_id=[3, 4]), "eos_token_id"),
        (_tokenizer_pointer, "tokenizer.json is a git-lfs pointer"),
        (_lerobot, "LeRobot's layout"),
        (_huge, "must be a finite number"),
    ],
)
def test_a_checkpoint_that_configure_would_refuse_fails_and_says_why(
    tmp_path: Path, harm: Callable[[Path], None], words: str
) -> None:
    folder = tmp_path / "harmed"
    shutil.copytree(TINY_BASE, folder)
    harm(folder)
    local = LocalCheckpoint("harmed", folder)
    check = check_checkpoint(DROID, local)
    assert check.status == "failed"
    assert words in check.found
    assert parameters_of(local) is None or words == "eos_token_id" or "tokenizer" in words or "LeRobot" in words


def test_a_list_of_end_ids_and_absent_rotary_frequencies_are_well(tmp_path: Path) -> None:
    folder = tmp_path / "written_by_others"
    shutil.copytree(TINY_BASE, folder)
    _edit_config(folder, eos_token_id=[2, 3])
    tensors = load_file(folder / "model.safetensors")
    del tensors["model.transformer.rotary_emb.inv_freq"]
    save_file(tensors, folder / "model.safetensors")
    assert check_checkpoint(DROID, LocalCheckpoint("others", folder)).status == "ok"


def test_a_gripper_that_never_opens_is_a_warning(tmp_path: Path) -> None:
    folder = tmp_path / "stuck"
    shutil.copytree(TINY_BASE, folder)
    stats = json.loads((folder / "norm_stats.json").read_text())
    action = stats["metadata_by_tag"]["so100_so101_molmoact2"]["action_stats"]
    action["q01"][5] = action["q99"][5] = action["q50"][5] = 0.0
    (folder / "norm_stats.json").write_text(json.dumps(stats))
    local = LocalCheckpoint("stuck", folder)
    assert check_checkpoint(Embodiment.load("so101"), local).status == "ok"
    (check,) = check_statistics(Embodiment.load("so101"), local)
    assert (check.status, "never opens it" in check.found) == ("warning", True)


def test_an_error_in_one_look_is_a_failed_check_and_the_others_take_place(monkeypatch: pytest.MonkeyPatch) -> None:
    def break_off(*_: object) -> None:
        raise MemoryError("no room")

    monkeypatch.setattr(machine_checks, "check_checkpoint", break_off)
    monkeypatch.setattr(machine_checks, "_check_space", break_off)
    checks = {
        check.name: check for check in machine_checks.check_machine(DROID, DROID.driver("franka_ros2_robotiq"), "x/y")
    }
    assert checks["checkpoint"].found == "this check broke off (MemoryError: no room)"
    assert [checks[name].status for name in ("checkpoint", "space")] == ["failed"] * 2
    assert {"python", "GPU", "real-time priority"} <= checks.keys()


def test_a_folder_that_lacks_files_fails_and_names_them(tmp_path: Path) -> None:
    check = check_checkpoint(DROID, LocalCheckpoint("empty", tmp_path))
    assert "lacks config.json, norm_stats.json" in check.found


def test_a_hub_id_that_is_not_here_is_a_warning_that_says_what_to_run() -> None:
    local = find_checkpoint("no-owner/nothing@v2")
    assert local.folder is None
    check = check_checkpoint(DROID, local)
    assert (check.status, check.remedy) == (
        "warning",
        "fetch it first: hf download no-owner/nothing --revision v2",
    )


def test_a_folder_that_does_not_exist_fails(tmp_path: Path) -> None:
    assert check_checkpoint(DROID, find_checkpoint(str(tmp_path / "nowhere"))).status == "failed"


def test_a_user_without_real_time_priority_is_refused_with_how_to_get_it() -> None:
    assert check_priority(True).status == "ok"
    check = check_priority(False)
    assert check.status == "warning"
    assert "rtprio" in check.remedy


def test_asking_for_real_time_priority_leaves_this_process_as_it_is() -> None:
    before = os.sched_getscheduler(0)
    may_take_priority()
    assert os.sched_getscheduler(0) == before
