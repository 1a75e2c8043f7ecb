"""The main job on simulated traffic."""


def test_a_fusion_job_publishes_a_release_that_scores(tiny_job, tiny_release_store):
    assert tiny_release_store.aliases() == {"production": tiny_job["release"]}
