"""PerFRDiff's generation as it is written down, without any saving: every row has a memory of its own, the batch is
doubled for guidance, all 50 steps are taken, the prior is sampled, and a listener's weights are written into a copy."""

import copy
import math

import torch
from torch import nn
from torch.nn import functional


def schedule(model):
    """ᾱ of the model's schedule, in float64, as 1 - ᾱ is nearly 0."""
    steps = torch.arange(model.config.diffusion_steps)
    return model.diffusion.add_noise(torch.ones(len(steps)).double(), torch.zeros(len(steps)).double(), steps).square()


def stock_decoder(model):
    """torch's own decoder with the weights of ours."""
    config, own = model.config, model.denoiser
    layer = nn.TransformerDecoderLayer(
        config.width, config.heads, config.feed_forward, config.dropout, functional.gelu, batch_first=True
    )
    decoder = nn.TransformerDecoder(layer, config.layers, nn.LayerNorm(config.width))
    state = {key: value for key, value in own.state_dict().items() if key.startswith(("layers.", "norm."))}
    decoder.load_state_dict(state)
    return decoder.to(own.mapping.weight).eval()


def personalised(model, history):
    """A copy of a model into which a listener's weights are written."""
    changed = copy.deepcopy(model)
    places = {"mapping": "mapping.weight", "cross": "multihead_attn.in_proj_weight", "self": "self_attn.in_proj_weight"}
    with torch.no_grad():
        for name, shift in model.personalise(history[None]).shifts.items():
            *layer, part = name.split(".")
            weight = changed.denoiser.get_parameter(".".join([*layer, places[part]]))
            weight.copy_(shift.weights(weight)[0])
    return changed


def predicted(model, decoder, noisy, step, tokens):
    """The denoiser on rows that each have tokens of their own."""
    own = model.denoiser
    half = own.time_channels // 2
    angles = step * torch.exp(-math.log(10000) * torch.arange(half) / half)
    time = own.time(torch.cat([angles.cos(), angles.sin()]).to(noisy)).expand(len(noisy), 1, -1)
    memory = torch.cat([time, tokens], 1)
    memory = memory + own.memory_positions[: memory.shape[1]]
    queries = own.embedding(noisy) + own.query_positions[: noisy.shape[1]]
    return own.mapping(decoder(queries, memory))


def tokens_of(model, conditions):
    """What is known of the speaker, a group after another."""
    own = model.denoiser
    state = model.autoencoder.state(conditions["emotion"])[:, None]
    audio = own.audio(conditions["mfcc78"]) * own.audio.out_features**-0.5
    return torch.cat([audio, own.coefficients(conditions["3dmm"]), state], 1)


def ddim(alphas, steps, noise, estimate):
    """States after every step; the last step's own state is the last one."""
    spacing = len(alphas) // steps
    state = noise
    for step in range((steps - 1) * spacing, -1, -spacing):
        clean = estimate(state, step)
        now, later = alphas[step], alphas[max(step - spacing, 0)]
        noise_in_it = ((1 / now).sqrt() * state - clean) / (1 / now - 1).sqrt()
        state = later.sqrt() * clean + (1 - later).sqrt() * noise_in_it
    return state


def prior_sample(model, conditions, reactions, alphas, steps):
    """What the published code samples and throws away."""
    state = model.autoencoder.state(conditions["emotion"])
    told = [each.repeat_interleave(reactions, 0) for each in (conditions["mfcc78"], conditions["3dmm"], state)]
    noise = torch.zeros_like(told[2])
    return ddim(alphas, steps, noise, lambda x, step: model.prior(x, torch.full((len(x),), step), *told))


def plain_reactions(model, speaker, noise, history=None, steps=None, prior=True):
    """(R, T, 25) of one speaker (T, C) by kind, from noise (W, R, window, 25), with the published answers to traps."""
    if history is not None:
        model = personalised(model, history)
    config, decoder, alphas = model.config, stock_decoder(model), schedule(model)
    steps, reactions = steps or config.sampling_steps, noise.shape[1]
    late = {kind: functional.pad(each, (0, 0, config.context, 0)) for kind, each in speaker.items()}
    conditions = {kind: torch.stack(each[: -config.window].split(config.window)) for kind, each in late.items()}
    if prior:
        prior_sample(model, conditions, reactions, alphas, steps)
    tokens = tokens_of(model, conditions).repeat_interleave(reactions, 0)
    tokens = torch.cat([torch.zeros_like(tokens), tokens])

    def estimate(state, step):
        without, given = predicted(model, decoder, torch.cat([state, state]), step, tokens).chunk(2)
        return (without + config.guidance * (given - without)).clamp(-1, 1)

    made = ddim(alphas, steps, noise.flatten(0, 1), estimate)
    return made.view(len(noise), reactions, -1, 25).transpose(0, 1).flatten(1, 2)
