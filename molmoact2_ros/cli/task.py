# SPDX-License-Identifier: Apache-2.0
"""`molmoact2 task`: let the policy of a running graph work on one task, and watch it."""

from __future__ import annotations

import argparse
import math
from typing import TYPE_CHECKING, Any

from molmoact2_ros.bringup import ros_environment

from .graph_arguments import instruction_text

if TYPE_CHECKING:
    from molmoact2_ros.operation.client import OperatorClient

ANSWER_S = 10.0
CANCEL_S = 5.0

EPILOG = """\
examples, in a second terminal next to `molmoact2 up droid`:
  molmoact2 arm
  molmoact2 task "put the red block in the bowl" --time-limit 60
  molmoact2 task "put the red block in the bowl" --home-first

Ctrl-C cancels the task; a policy does not know when it is done, so you say it: `ros2 service call /task/finish_task
std_srvs/srv/Trigger`. However it ends, the robot comes to rest and holds; where the task node does not confirm that it
cancelled, safety is asked to stop the robot. Only a finished task SUCCEEDED in ROS's own words: one whose time is up is
ABORTED, as `ros2 action` says, which is no fault. Exit status 0: finished; 1: anything else, and the last line says
what; 130: cancelled here.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "task",
        help="run one task and watch it",
        description="Let the policy of a running graph work on one task (task/run_task). Safety must be armed.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("instruction", help='what the robot is to do, e.g. "put the red block in the bowl"')
    parser.add_argument(
        "--time-limit", type=_seconds, default=60.0, metavar="S", help="in seconds; 0: none (default: %(default)s)"
    )
    parser.add_argument("--home-first", action="store_true", help="move to the home pose before")
    ros_environment.add_robot_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the task; return 0 when it was finished."""
    text = instruction_text(args.instruction)
    ros_environment.enter(args)
    from molmoact2_ros.operation.client import OperatorClient

    with OperatorClient(remappings=ros_environment.remapping(args)) as client:
        return _run(client, text, args)


def _run(client: OperatorClient, text: str, args: argparse.Namespace) -> int:
    from rclpy.action import ActionClient

    from molmoact2_ros.action import RunTask

    tasks = ActionClient(client.node, RunTask, "task/run_task")
    try:
        if not client.wait_for(tasks.server_is_ready, ANSWER_S):
            print(f"no task node runs in ROS domain {args.domain_id}")
            return 1
        goal = RunTask.Goal(instruction=text, time_limit_s=args.time_limit, home_first=args.home_first)
        return _watch(client, tasks, goal, args.time_limit)
    finally:
        tasks.destroy()


def _watch(client: OperatorClient, tasks: Any, goal: Any, time_limit_s: float) -> int:
    from rich.console import Console
    from rich.live import Live

    console = Console()
    with Live(console=console, auto_refresh=False, transient=True) as live:

        def show(message: Any) -> None:
            if console.is_terminal:
                live.update(_line(message.feedback, time_limit_s), refresh=True)

        sent = tasks.send_goal_async(goal, feedback_callback=show)
        ended, interrupted = _follow(client, sent)
    if ended is None:
        print("the task node does not answer")
        return 130 if interrupted else 1
    if not ended.done():
        stops, words = client.ask_safety("stop")
        print(f"the task node did not confirm the end of the task: stop{'' if stops else ' refused'}: {words}")
        return 1
    result = ended.result().result
    print(f"{outcome_name(result.outcome)} after {result.duration_s:.1f} s, {result.chunks} chunks: {result.text}")
    if interrupted:
        return 130
    return int(result.outcome != result.FINISHED)


def _follow(client: OperatorClient, sent: Any) -> tuple[Any, bool]:
    """Wait for the answer to a goal, then for its end; return what will hold its result, and whether Ctrl-C came.

    Ctrl-C cancels. A goal that is on its way when it comes is waited for first, to be cancelled then.
    """
    interrupted = False
    try:
        client.wait_for(sent.done, ANSWER_S)
    except KeyboardInterrupt:
        interrupted = True
        client.wait_for(sent.done, ANSWER_S)
    if not sent.done() or not sent.result().accepted:
        return None, interrupted
    ended = sent.result().get_result_async()
    if not interrupted:
        try:
            client.wait_for(ended.done, math.inf)
        except KeyboardInterrupt:
            interrupted = True
    if interrupted:
        sent.result().cancel_goal_async()
        client.wait_for(ended.done, CANCEL_S)
    return ended, interrupted


def outcome_name(outcome: int) -> str:
    """Return a RunTask outcome in words, e.g. `timed out`."""
    from molmoact2_ros.nodes.task import TaskOutcome

    return TaskOutcome(outcome).name.lower().replace("_", " ")


def _line(feedback: Any, time_limit_s: float) -> str:
    from molmoact2_ros.nodes.task import Phase
    from molmoact2_ros.operation.client import MODES

    limit = f"/{time_limit_s:.0f}" if time_limit_s else ""
    return (
        f"{Phase(feedback.phase).name.lower()} {feedback.elapsed_s:.1f}{limit} s   chunks {feedback.chunks}   "
        f"latency {feedback.latency_s * 1e3:.0f} ms   observation {feedback.observation_age_s * 1e3:.0f} ms old   "
        f"safety {MODES[feedback.safety_mode]}"
    )


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0.0 <= seconds < math.inf:
        raise argparse.ArgumentTypeError(f"expected seconds, 0 for no limit; got {text}")
    return seconds
