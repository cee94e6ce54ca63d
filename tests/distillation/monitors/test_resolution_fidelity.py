"""The alarm rings for a student that switches mode and is silent for one that does not."""

import pytest

from zen_hf.distillation.monitors.resolution_fidelity import resolution_fidelity

# FVU of one teacher's patches, of two tiny students: teachers split over resolutions, and all teachers at all of them.
PARTITIONED = {96: 1.926, 48: 0.338, 64: 0.916, 80: 1.573}
ALL_AT_ALL = {48: 0.399, 64: 0.492, 80: 0.464, 96: 0.430}


def test_mode_switch_rings():
    reading = resolution_fidelity(PARTITIONED)
    assert reading.best == 48
    assert reading.alarms == (64, 80, 96)
    assert list(reading.ratios) == [48, 64, 80, 96]
    assert reading.ratios[96] == pytest.approx(1.926 / 0.338)
    assert reading.ratios[48] == 1


def test_an_even_student_is_silent_until_the_threshold_is_near():
    assert resolution_fidelity(ALL_AT_ALL).alarms == ()
    assert resolution_fidelity(ALL_AT_ALL, alarm_above=1.2).alarms == (64,)


def test_the_threshold_itself_is_no_alarm_and_scale_does_not_matter():
    assert resolution_fidelity({224: 0.5, 448: 0.75}).alarms == ()
    assert resolution_fidelity({224: 0.05, 448: 0.08}).alarms == (448,)
    assert resolution_fidelity({224: 0.3}).ratios == {224: 1.0}


def test_bad_values_are_named():
    with pytest.raises(ValueError, match="no resolution was measured"):
        resolution_fidelity({})
    with pytest.raises(ValueError, match="FVU at 448 px is nan"):
        resolution_fidelity({224: 0.5, 448: float("nan")})
    with pytest.raises(ValueError, match="FVU at 224 px is 0"):
        resolution_fidelity({224: 0.0})
    with pytest.raises(ValueError, match="alarm_above is 0.5"):
        resolution_fidelity({224: 0.5}, alarm_above=0.5)
