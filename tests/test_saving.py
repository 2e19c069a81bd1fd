"""Saving a network and loading it: the same numbers back, or a reason and an untouched network."""

import errno
import os
import zipfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from networks import build

from nnlib import SGD, Adam, Linear, MeanSquaredError, Network, ReLU, Sigmoid, fit, xor

MSE = MeanSquaredError()


def network(seed=0, hidden=Sigmoid, sizes=(2, 3, 1), **options):
    return build(sizes, hidden, np.random.default_rng(seed), Sigmoid, **options)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n_networks", [None, 5])
@pytest.mark.parametrize("name", ["net.npz", "net", "net.params", "näme with spaces.npz"])
def test_what_was_saved_is_loaded(tmp_path, name, n_networks, dtype):
    saved, other = (network(seed, n_networks=n_networks, dtype=dtype) for seed in (1, 2))
    params, view = other.params, other.layers[0].W
    saved.save(tmp_path / name)
    assert [file.name for file in tmp_path.iterdir()] == [name]
    other.load(str(tmp_path / name))
    assert other.params is params
    assert np.array_equal(other.params, saved.params)
    assert np.array_equal(view, saved.layers[0].W)
    x, _ = xor(dtype)
    assert np.array_equal(other(x), saved(x))


def test_training_goes_on_from_a_saved_network(tmp_path):
    x, target = xor()
    whole, first, second = network(1), network(1), network(2)
    fit(whole, x, target, MSE, SGD(1.0), 50)
    fit(first, x, target, MSE, SGD(1.0), 20)
    first.save(tmp_path / "net.npz")
    second.load(tmp_path / "net.npz")
    fit(second, x, target, MSE, SGD(1.0), 30)
    assert np.array_equal(second.params, whole.params)


def test_the_file_is_a_plain_npz_that_says_what_it_holds(tmp_path):
    net = network()
    net.save(tmp_path / "net.npz")
    with np.load(tmp_path / "net.npz", allow_pickle=False) as file:
        assert sorted(file) == ["architecture", "format", "params"]
        assert file["format"] == 1
        assert file["architecture"] == "Network(Linear(2, 3), Sigmoid(), Linear(3, 1), Sigmoid())"
        assert np.array_equal(file["params"], net.params)


OTHERS = {
    "width": (lambda: network(sizes=(2, 4, 1)), ["Linear(2, 4)", "Linear(2, 3)"]),
    "depth": (lambda: network(sizes=(2, 3, 3, 1)), ["Linear(3, 3)"]),
    "activation": (lambda: network(hidden=ReLU), ["ReLU()", "Sigmoid()"]),
    "no output": (lambda: build((2, 3, 1), Sigmoid, np.random.default_rng(0)), ["Linear(3, 1), Sigmoid()"]),
    "stack": (lambda: network(n_networks=5), ["params (5, 13)", "params (13,)"]),
    "dtype": (lambda: network(dtype=np.float32), ["float32", "float64"]),
    # As many parameters, in other places.
    "same number": (
        lambda: Network(Linear(3, 2), Sigmoid(), Linear(2, 1), Linear(1, 1), rng=np.random.default_rng(0)),
        ["Linear(3, 2)"],
    ),
}


@pytest.mark.parametrize(("make", "words"), OTHERS.values(), ids=OTHERS)
def test_another_network_is_refused_both_ways(tmp_path, make, words):
    ours, theirs = network(), make()
    for saved, loading in [(ours, theirs), (theirs, ours)]:
        saved.save(tmp_path / "net.npz")
        before = loading.params.copy()
        with pytest.raises(ValueError, match=r"holds Network.*but this network is Network") as caught:
            loading.load(tmp_path / "net.npz")
        assert all(word in str(caught.value) for word in words)
        assert np.array_equal(loading.params, before)


def refused(path, match):
    net = network(seed=9)
    before = net.params.copy()
    with pytest.raises(ValueError, match=match) as caught:
        net.load(path)
    assert str(path) in str(caught.value)
    assert np.array_equal(net.params, before)


def test_foreign_files_are_refused(tmp_path, monkeypatch):
    # An exception would not do: load takes whatever NumPy raises for damage.
    unpickled = []
    monkeypatch.setattr("pickle.load", lambda *_, **__: unpickled.append("load"))
    monkeypatch.setattr("pickle.loads", lambda *_, **__: unpickled.append("loads"))
    net, path = network(), tmp_path / "file"
    foreign = {
        "empty": b"",
        "text": b"params = 1, 2, 3\n",
        "picture": b"\x89PNG\r\n\x1a\n" + bytes(100),
        "pickle": b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00]\x94(K\x01K\x02K\x03e.",
    }
    for content in foreign.values():
        path.write_bytes(content)
        refused(path, "not written by Network.save, or is damaged")
    with open(path, "wb") as file:
        np.save(file, net.params)
    refused(path, "not written by Network.save")
    with open(path, "wb") as file:
        np.savez(file, params=net.params)
    refused(path, "not written by Network.save")
    with open(path, "wb") as file:
        np.savez(file, format=1, architecture=repr(net), params=np.array([net.params, None], dtype=object))
    refused(path, "not written by Network.save")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "no arrays")
    refused(path, "not written by Network.save")
    assert not unpickled


@pytest.mark.parametrize("form", [2, 0, "1", [1, 1]])
def test_another_format_is_refused(tmp_path, form):
    path, net = tmp_path / "net.npz", network()
    np.savez(path, format=form, architecture=repr(net), params=net.params)
    refused(path, "format")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_params_that_are_not_finite_are_refused(tmp_path, value):
    path, net = tmp_path / "net.npz", network()
    net.params[3] = value
    with pytest.raises(ValueError, match=r"params must be finite, but params\[3\] is"):
        net.save(path)
    assert not list(tmp_path.iterdir())
    np.savez(path, format=1, architecture=repr(net), params=net.params)
    with pytest.raises(ValueError, match=r"params must be finite, but params\[3\] is"):
        network().load(path)


def test_a_class_of_ones_own_is_another_architecture(tmp_path):
    class Frozen(Linear):
        pass

    rng = np.random.default_rng(0)
    Network(Frozen(2, 1), rng=rng).save(tmp_path / "net.npz")
    with pytest.raises(ValueError, match=r"holds Network\(Frozen\(2, 1\)\).*is Network\(Linear\(2, 1\)\)"):
        Network(Linear(2, 1), rng=rng).load(tmp_path / "net.npz")


def test_savers_at_the_same_time_do_not_disturb_each_other(tmp_path):
    path, nets = tmp_path / "net.npz", [network(seed) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda net: [net.save(path) for _ in range(20)], nets))
    loaded = network(9)
    loaded.load(path)
    assert any(np.array_equal(loaded.params, net.params) for net in nets)
    assert [file.name for file in tmp_path.iterdir()] == ["net.npz"]


def test_a_file_cut_off_anywhere_is_refused(tmp_path):
    network().save(tmp_path / "whole.npz")
    whole, path = (tmp_path / "whole.npz").read_bytes(), tmp_path / "cut.npz"
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        refused(path, "damaged")


def test_a_file_with_a_wrong_byte_is_refused_or_the_same(tmp_path):
    saved, path = network(), tmp_path / "net.npz"
    saved.save(path)
    whole, refusals = bytearray(path.read_bytes()), 0
    for place in range(0, len(whole), 3):
        damaged = whole.copy()
        damaged[place] ^= 0x55
        path.write_bytes(damaged)
        net = network(seed=9)
        before = net.params.copy()
        try:
            net.load(path)
        except ValueError:
            refusals += 1
            assert np.array_equal(net.params, before)
        else:  # a byte that carries no meaning, such as a date
            assert np.array_equal(net.params, saved.params)
    assert refusals > len(whole) / 3 / 2


def test_a_missing_file_and_a_missing_folder(tmp_path):
    net = network()
    with pytest.raises(FileNotFoundError):
        net.load(tmp_path / "none.npz")
    with pytest.raises(FileNotFoundError):
        net.save(tmp_path / "no folder" / "net.npz")
    with pytest.raises(IsADirectoryError):
        net.load(tmp_path)


@pytest.mark.parametrize("broken", ["numpy.savez", "os.replace"])
def test_an_interrupted_save_leaves_the_old_file_whole(tmp_path, monkeypatch, broken):
    old, new, path = network(1), network(2), tmp_path / "net.npz"
    old.save(path)
    before = path.read_bytes()

    def full(file, *_args, **_kwargs):
        if broken == "numpy.savez":
            file.write(b"PK half a file")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(broken, full)
        with pytest.raises(OSError, match="No space left"):
            new.save(path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["net.npz"]
    new.save(path)
    old.load(path)
    assert np.array_equal(old.params, new.params)


def test_the_optimizer_is_not_part_of_the_file(tmp_path):
    # A new Adam begins its running means anew: that is the price of a file that holds the network alone.
    x, target = xor()
    net = network(1)
    fit(net, x, target, MSE, Adam(0.1), 20)
    net.save(tmp_path / "net.npz")
    with np.load(tmp_path / "net.npz") as file:
        assert sum(file[name].nbytes for name in file if name != "architecture") == net.params.nbytes + 8
