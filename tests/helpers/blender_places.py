"""Run by tests in a process of its own: imports an avatar file into Blender, prints where its bones are.

Arguments: the file, its frames per second, and frames by their numbers from 0. A line of JSON for each frame:
name -> [x, y, z] in metres, in the axes of the file.
"""

import json
import sys

import bpy


def main(path, fps, *frames):
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.fps = int(fps)
    if path.endswith(".glb"):
        bpy.ops.import_scene.gltf(filepath=path)
    else:
        bpy.ops.import_anim.bvh(filepath=path, global_scale=0.01, update_scene_fps=True)
    first = int(bpy.data.actions[0].frame_range[0])
    [armature] = [thing for thing in bpy.data.objects if thing.type == "ARMATURE"]
    for frame in frames:
        scene.frame_set(first + int(frame))
        posed = armature.evaluated_get(bpy.context.evaluated_depsgraph_get())
        places = {bone.name: posed.matrix_world @ bone.head for bone in posed.pose.bones}
        # Blender's z is up, and its figures face -y.
        print("PLACES", json.dumps({name: [p.x, p.z, -p.y] for name, p in places.items()}))


main(*sys.argv[1:])
